#include "duel/gan/media/zip_dataset.h"

#include <algorithm>
#include <string>
#include <vector>

#include "duel/gan/media/class_labels.h"
#include "duel/gan/media/image_folder.h"
#include "duel/gan/media/picture.h"
#include "duel/gan/media/zip_archive.h"

namespace duel {
namespace {

constexpr char kOperation[] = "open_zip_dataset";

class ZipPictures : public Dataset {
 public:
  explicit ZipPictures(const std::filesystem::path& path) : path_(path), archive_(kOperation, path) {
    const std::vector<std::string>& names = archive_.names();
    for (std::size_t i = 0; i < names.size(); ++i)
      if (is_picture_name(names[i])) pictures_.push_back(i);
    check(!pictures_.empty(), kOperation, path, " has no pictures among its ", names.size(), " files");
    std::sort(pictures_.begin(), pictures_.end(), [&](std::size_t a, std::size_t b) { return names[a] < names[b]; });
  }

  // Throws for what is wrong with them.
  std::vector<std::int64_t> labels() const {
    const std::vector<std::string>& names = archive_.names();
    const auto json = std::find(names.begin(), names.end(), kDatasetJson);
    if (json == names.end()) return {};
    std::vector<std::string> sorted;
    for (const std::size_t i : pictures_) sorted.push_back(names[i]);
    return read_dataset_json(archive_.read(static_cast<std::size_t>(json - names.begin())),
                             cat(path_, ", ", kDatasetJson), sorted);
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(pictures_.size()); }
  Example read(std::int64_t index, Rng&) const override {
    return {decode_picture(archive_.read(pictures_[static_cast<std::size_t>(index)]), name(index))};
  }
  std::string name(std::int64_t index) const override {
    return cat(path_.string(), ", ", archive_.names()[pictures_[static_cast<std::size_t>(index)]]);
  }

 private:
  std::filesystem::path path_;
  ZipArchive archive_;
  std::vector<std::size_t> pictures_;  // in the archive
};

}  // namespace

std::unique_ptr<Dataset> open_zip_dataset(const std::filesystem::path& path) {
  auto pictures = std::make_unique<ZipPictures>(path);
  std::vector<std::int64_t> labels = pictures->labels();
  return with_labels(std::move(pictures), std::move(labels));
}

}  // namespace duel
