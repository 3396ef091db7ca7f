#include "duel/gan/media/image_folder.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include "duel/gan/media/picture.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kOperation[] = "ImageFolder";

bool is_hidden(const fs::path& path) { return path.filename().native().starts_with('.'); }

// Calls f(entry) for what is visible in a folder.
template <class F>
void for_each_entry(const fs::path& folder, F&& f) {
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error))
    if (!is_hidden(entry->path())) f(*entry);
  check(!error, kOperation, folder, " can't be read as a folder: ", error.message());
}

bool is_folder(const fs::directory_entry& entry) {
  std::error_code ignored;  // a link to nowhere
  return entry.is_directory(ignored);
}

// Lists pictures at any depth. Links may lead back to where they lie; such are not followed.
class Lister {
 public:
  explicit Lister(const fs::path& root) : root_(root) {}

  // Adds what is below `relative`, in torchvision's order.
  void list(const std::string& relative, std::vector<std::string>& files) {
    const auto begin = static_cast<std::ptrdiff_t>(files.size());
    walk(relative, files);
    std::sort(files.begin() + begin, files.end(),
              [](const std::string& a, const std::string& b) { return split(a) < split(b); });
  }

 private:
  using Parts = std::pair<std::string_view, std::string_view>;  // folder, name

  static Parts split(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? Parts{"", path} : Parts{path.substr(0, slash), path.substr(slash + 1)};
  }

  void walk(const std::string& relative, std::vector<std::string>& files) {
    const fs::path folder = root_ / relative;
    std::error_code error;
    const fs::path place = fs::canonical(folder, error);
    check(!error, kOperation, folder, " can't be read as a folder: ", error.message());
    if (std::find(above_.begin(), above_.end(), place) != above_.end()) return;
    above_.push_back(place);
    const std::string prefix = relative.empty() ? "" : relative + "/";
    for_each_entry(folder, [&](const fs::directory_entry& entry) {
      const std::string path = prefix + entry.path().filename().string();
      if (is_folder(entry))
        walk(path, files);
      else if (is_picture_name(path))
        files.push_back(path);
    });
    above_.pop_back();
  }

  const fs::path& root_;
  std::vector<fs::path> above_;  // the folders that are being walked
};

}  // namespace

bool is_picture_name(const fs::path& path) { return !is_hidden(path) && has_picture_extension(path); }

std::vector<std::string> subfolders_of(const fs::path& folder) {
  std::vector<std::string> names;
  for_each_entry(folder, [&](const fs::directory_entry& entry) {
    if (is_folder(entry)) names.push_back(entry.path().filename().string());
  });
  std::sort(names.begin(), names.end());
  return names;
}

ImageFolder::ImageFolder(const fs::path& folder, FolderClasses classes, const std::vector<std::string>& only)
    : folder_(folder) {
  Lister lister(folder_);
  if (classes == FolderClasses::none) {
    check(only.empty(), kOperation, folder, " is read without classes, so none can be chosen");
    lister.list("", files_);
    check(!files_.empty(), kOperation, folder, " has no pictures, nor has any folder in it");
    return;
  }
  const std::vector<std::string> all = subfolders_of(folder);
  check(!all.empty(), kOperation, folder, " has no subfolders to be classes");
  class_names_ = only.empty() ? all : only;
  for (const std::string& name : class_names_) {
    check(std::binary_search(all.begin(), all.end(), name), kOperation, folder, " has no subfolder '", name,
          "' to be a class");
    check(std::count(class_names_.begin(), class_names_.end(), name) == 1, kOperation, "class '", name,
          "' is named twice");
    const std::size_t before = files_.size();
    lister.list(name, files_);
    check(files_.size() > before, kOperation, folder / name,
          " has no pictures, and every subfolder is a class; move it elsewhere, or name the classes that are wanted");
    class_ends_.push_back(size());
  }
}

Example ImageFolder::read(std::int64_t index, Rng&) const { return {read_picture(path(index))}; }

std::int64_t ImageFolder::label(std::int64_t index) const {
  return std::upper_bound(class_ends_.begin(), class_ends_.end(), index) - class_ends_.begin();
}

}  // namespace duel
