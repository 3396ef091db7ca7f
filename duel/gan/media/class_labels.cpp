#include "duel/gan/media/class_labels.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

namespace duel {
namespace {

using Json = nlohmann::json;

constexpr char kJson[] = "read_dataset_json";
constexpr std::int64_t kMaxClasses = std::int64_t{1} << 20;

class Labelled : public Dataset {
 public:
  Labelled(std::unique_ptr<Dataset> pictures, std::vector<std::int64_t> labels)
      : pictures_(std::move(pictures)), labels_(std::move(labels)) {
    classes_ = *std::max_element(labels_.begin(), labels_.end()) + 1;
  }

  std::int64_t size() const override { return pictures_->size(); }
  Example read(std::int64_t index, Rng& draws) const override { return pictures_->read(index, draws); }
  std::int64_t label(std::int64_t index) const override { return labels_[static_cast<std::size_t>(index)]; }
  std::string name(std::int64_t index) const override { return pictures_->name(index); }
  std::int64_t classes() const override { return classes_; }

 private:
  std::unique_ptr<Dataset> pictures_;
  std::vector<std::int64_t> labels_;
  std::int64_t classes_;
};

std::unordered_map<std::string, std::int64_t> labels_by_name(const Json& list, std::string_view where) {
  check(list.is_array(), kJson, where, ": \"labels\" is no list");
  std::unordered_map<std::string, std::int64_t> labels;
  for (const Json& item : list) {
    const bool is_pair = item.is_array() && item.size() == 2 && item[0].is_string();
    check(is_pair, kJson, where, ": \"labels\" has something else than [name, label] in it");
    const auto& name = item[0].get_ref<const std::string&>();
    const bool is_number =
        item[1].is_number_integer() && (!item[1].is_number_unsigned() || item[1].get<std::uint64_t>() <= INT64_MAX);
    check(is_number, kJson, where, ": the label of '", name, "' is no number of a class");
    check(labels.emplace(name, item[1].get<std::int64_t>()).second, kJson, where, " labels '", name, "' twice");
  }
  return labels;
}

}  // namespace

std::int64_t count_classes(const char* operation, std::string_view where, std::span<const std::int64_t> labels) {
  check(!labels.empty(), operation, where, ": there are no labels");
  const auto [low, high] = std::minmax_element(labels.begin(), labels.end());
  check(*low >= 0 && *high < kMaxClasses, operation, where, ": labels must lie in [0, ", kMaxClasses,
        "), they reach from ", *low, " to ", *high);
  return *high + 1;
}

std::vector<std::int64_t> read_dataset_json(std::string_view json, std::string_view where,
                                            const std::vector<std::string>& names) {
  const Json content = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  check(content.is_object(), kJson, where, " is no JSON object");
  const auto list = content.find("labels");
  if (list == content.end() || list->is_null()) return {};
  const auto by_name = labels_by_name(*list, where);
  std::vector<std::int64_t> labels;
  labels.reserve(names.size());
  for (const std::string& name : names) {
    const auto found = by_name.find(name);
    check(found != by_name.end(), kJson, where, " has no label for '", name, "'");
    labels.push_back(found->second);
  }
  count_classes(kJson, where, labels);
  return labels;
}

std::unique_ptr<Dataset> with_labels(std::unique_ptr<Dataset> pictures, std::vector<std::int64_t> labels) {
  if (labels.empty()) return pictures;
  return std::make_unique<Labelled>(std::move(pictures), std::move(labels));
}

}  // namespace duel
