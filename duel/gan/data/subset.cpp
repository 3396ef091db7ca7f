#include "duel/gan/data/subset.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace duel {
namespace {

constexpr char kSelect[] = "select_classes";
constexpr std::int64_t kNotTaken = -1;

class Subset : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> whole, std::vector<std::int64_t> indices)
      : whole_(std::move(whole)), indices_(std::move(indices)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  Example read(std::int64_t index, Rng& draws) const override { return whole_->read(at(index), draws); }
  std::int64_t label(std::int64_t index) const override { return whole_->label(at(index)); }
  std::string name(std::int64_t index) const override { return whole_->name(at(index)); }
  std::int64_t classes() const override { return whole_->classes(); }
  std::vector<std::string> class_names() const override { return whole_->class_names(); }

 protected:
  std::int64_t at(std::int64_t index) const { return indices_[static_cast<std::size_t>(index)]; }

 private:
  std::shared_ptr<const Dataset> whole_;
  std::vector<std::int64_t> indices_;
};

class SomeClasses : public Subset {
 public:
  SomeClasses(std::shared_ptr<const Dataset> whole, std::vector<std::int64_t> indices,
              std::vector<std::int64_t> new_labels, std::vector<std::string> names, std::int64_t classes)
      : Subset(std::move(whole), std::move(indices)),
        new_labels_(std::move(new_labels)),
        names_(std::move(names)),
        classes_(classes) {}

  std::int64_t label(std::int64_t index) const override {
    return new_labels_[static_cast<std::size_t>(Subset::label(index))];
  }
  std::int64_t classes() const override { return classes_; }
  std::vector<std::string> class_names() const override { return names_; }

 private:
  std::vector<std::int64_t> new_labels_;  // by the old ones
  std::vector<std::string> names_;
  std::int64_t classes_;
};

// What the classes are called, for want of names by their numbers.
std::vector<std::string> names_or_numbers(const Dataset& dataset) {
  std::vector<std::string> names = dataset.class_names();
  if (names.empty())
    for (std::int64_t i = 0; i < dataset.classes(); ++i) names.push_back(std::to_string(i));
  return names;
}

std::string first_few(const std::vector<std::string>& names) {
  constexpr std::size_t kFew = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(kFew, names.size()); ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > kFew ? text + ", ... (" + std::to_string(names.size()) + " in all)" : text;
}

}  // namespace

std::unique_ptr<Dataset> select_classes(std::shared_ptr<const Dataset> whole, const std::vector<std::string>& classes) {
  check(whole->classes() > 0, kSelect, "the data set has no classes to choose from");
  check(!classes.empty(), kSelect, "no classes are named");
  const std::vector<std::string> names = names_or_numbers(*whole);
  std::vector<std::int64_t> new_labels(names.size(), kNotTaken), counts(classes.size(), 0), indices;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const auto found = std::find(names.begin(), names.end(), classes[i]);
    check(found != names.end(), kSelect, "there is no class '", classes[i], "'; there are ", first_few(names));
    std::int64_t& label = new_labels[static_cast<std::size_t>(found - names.begin())];
    check(label == kNotTaken, kSelect, "class '", classes[i], "' is named twice");
    label = static_cast<std::int64_t>(i);
  }
  for (std::int64_t i = 0; i < whole->size(); ++i) {
    const std::int64_t label = new_labels[static_cast<std::size_t>(whole->label(i))];
    if (label == kNotTaken) continue;
    indices.push_back(i);
    ++counts[static_cast<std::size_t>(label)];
  }
  for (std::size_t i = 0; i < classes.size(); ++i)
    check(counts[i] > 0, kSelect, "class '", classes[i], "' has no examples");
  const auto count = static_cast<std::int64_t>(classes.size());
  return std::make_unique<SomeClasses>(std::move(whole), std::move(indices), std::move(new_labels), classes, count);
}

std::unique_ptr<Dataset> take_first(std::shared_ptr<const Dataset> whole, std::int64_t count) {
  check(count >= 1, "take_first", "needs a count of at least 1, got ", count);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(count, whole->size())));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return std::make_unique<Subset>(std::move(whole), std::move(indices));
}

}  // namespace duel
