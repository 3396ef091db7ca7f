#include "duel/gan/media/lsun.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "duel/gan/media/image_folder.h"
#include "duel/gan/media/lmdb_file.h"
#include "duel/gan/media/picture.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kOpen[] = "open_lsun", kData[] = "data.mdb";

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

struct Category {
  std::string name;
  fs::path file;
};

// The folders of databases whose names end like the split's.
std::vector<Category> find_categories(const fs::path& folder, Split split) {
  std::vector<Category> categories;
  const auto endings = split == Split::train ? std::vector<std::string_view>{"_train_lmdb"}
                                             : std::vector<std::string_view>{"_test_lmdb", "_val_lmdb"};
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return {};
  for (const std::string& name : subfolders_of(folder))
    for (const std::string_view ending : endings)
      if (name.ends_with(ending) && is_file(folder / name / kData))
        categories.push_back({name.substr(0, name.size() - ending.size()), folder / name / kData});
  for (std::size_t i = 1; i < categories.size(); ++i)
    check(categories[i - 1].name != categories[i].name, kOpen, folder, " has both a test and a val database of '",
          categories[i].name, "'; move one of them elsewhere");
  return categories;
}

class Lsun : public Dataset {
 public:
  explicit Lsun(std::vector<Category> categories) : categories_(std::move(categories)) {
    for (const Category& category : categories_) {
      files_.emplace_back(category.file);
      check(files_.back().size() > 0, kOpen, category.file, " has nothing in it");
      ends_.push_back((ends_.empty() ? 0 : ends_.back()) + files_.back().size());
    }
  }

  std::int64_t size() const override { return ends_.back(); }
  Example read(std::int64_t index, Rng&) const override {
    const auto [file, at] = find(index);
    return {decode_picture(files_[file].value(at), name(index))};
  }
  std::int64_t label(std::int64_t index) const override { return static_cast<std::int64_t>(find(index).file); }
  std::string name(std::int64_t index) const override {
    const auto [file, at] = find(index);
    return cat(categories_[file].file.string(), ", ", files_[file].key(at));
  }
  std::int64_t classes() const override { return static_cast<std::int64_t>(class_names().size()); }
  std::vector<std::string> class_names() const override {
    std::vector<std::string> names;
    for (const Category& category : categories_)
      if (!category.name.empty()) names.push_back(category.name);
    return names;
  }

 private:
  struct Place {
    std::size_t file;
    std::int64_t at;
  };
  Place find(std::int64_t index) const {
    const auto file = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin());
    return {file, index - (file == 0 ? 0 : ends_[file - 1])};
  }

  std::vector<Category> categories_;  // nameless if it is the only database
  std::vector<LmdbFile> files_;
  std::vector<std::int64_t> ends_;
};

}  // namespace

std::unique_ptr<Dataset> open_lsun(const fs::path& path, Split split) {
  if (is_file(path)) return std::make_unique<Lsun>(std::vector<Category>{{"", path}});
  if (is_file(path / kData)) return std::make_unique<Lsun>(std::vector<Category>{{"", path / kData}});
  std::vector<Category> categories = find_categories(path, split);
  check(!categories.empty(), kOpen, path, " has neither a data.mdb nor folders called ",
        split == Split::train ? "CLASS_train_lmdb" : "CLASS_val_lmdb or CLASS_test_lmdb", " with one");
  return std::make_unique<Lsun>(std::move(categories));
}

bool is_lsun(const fs::path& path) {
  return is_file(path / kData) || (is_file(path) && path.extension() == ".mdb") ||
         !find_categories(path, Split::train).empty() || !find_categories(path, Split::test).empty();
}

}  // namespace duel
