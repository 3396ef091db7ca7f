// ImageFolder: pictures in a folder, with its subfolders as classes or without classes.
#pragma once

#include <filesystem>

#include "duel/gan/data/dataset.h"

namespace duel {

enum class FolderClasses : std::uint8_t {
  subfolders,  ///< each subfolder is a class, as torchvision's ImageFolder has it
  none,        ///< all pictures in the folder and below are alike
};

/// The pictures of a folder and of the folders below, links followed; names that begin with a dot are left out. What
/// has one of `picture_extensions()` is taken for a picture.
///
/// Their order is torchvision's, whatever the file system's: by class, then by the folder, then by the file's name,
/// each byte by byte. Classes are the subfolders in the same order.
class ImageFolder : public Dataset {
 public:
  /// `only`: with subfolders as classes, takes these and in this order. Throws if the folder can't be read or has no
  /// pictures, and for a class that is not there or has none.
  explicit ImageFolder(const std::filesystem::path& folder, FolderClasses classes,
                       const std::vector<std::string>& only = {});

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  /// uint8 [C, H, W] as `read_picture` gives it.
  Example read(std::int64_t index, Rng& draws) const override;
  std::int64_t label(std::int64_t index) const override;
  std::string name(std::int64_t index) const override { return path(index).string(); }
  std::int64_t classes() const override { return static_cast<std::int64_t>(class_names_.size()); }
  std::vector<std::string> class_names() const override { return class_names_; }

  std::filesystem::path path(std::int64_t index) const { return folder_ / relative_path(index); }
  /// From the folder on, with '/'.
  const std::string& relative_path(std::int64_t index) const { return files_[static_cast<std::size_t>(index)]; }

 private:
  std::filesystem::path folder_;
  std::vector<std::string> files_;        // relative, grouped by class
  std::vector<std::int64_t> class_ends_;  // in `files_`, one for each class
  std::vector<std::string> class_names_;
};

/// Whether the name ends like a picture's and doesn't begin with a dot.
bool is_picture_name(const std::filesystem::path& path);

/// Names of the visible folders in a folder, sorted byte by byte. Throws if it can't be read.
std::vector<std::string> subfolders_of(const std::filesystem::path& folder);

}  // namespace duel
