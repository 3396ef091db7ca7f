#include "duel/gan/media/paired.h"

#include <algorithm>
#include <map>
#include <utility>

#include "duel/gan/media/image_folder.h"
#include "duel/gan/media/picture.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kSideBySide[] = "SideBySideDataset", kMatched[] = "MatchedFolders";

// Files from the folder on, by the same without their extension.
std::map<std::string, std::string> by_stem(const fs::path& folder) {
  const ImageFolder all(folder, FolderClasses::none);
  std::map<std::string, std::string> files;
  for (std::int64_t i = 0; i < all.size(); ++i) {
    const std::string& file = all.relative_path(i);
    const auto [first, is_new] = files.emplace(fs::path(file).replace_extension().string(), file);
    check(is_new, kMatched, folder, " has both ", first->second, " and ", file,
          ", which would be the same one of a pair");
  }
  return files;
}

}  // namespace

SideBySideDataset::SideBySideDataset(std::shared_ptr<const Dataset> whole, Halves halves, Direction direction)
    : whole_(std::move(whole)), halves_(halves), direction_(direction) {}

Example SideBySideDataset::read(std::int64_t index, Rng& draws) const {
  const Tensor both = whole_->read(index, draws).picture;  // [C, H, W]
  const int dim = halves_ == Halves::left_right ? 2 : 1;
  const std::int64_t size = both.size(dim);
  check(size % 2 == 0, kSideBySide, whole_->name(index), " is ", size, " pixels ", dim == 2 ? "wide" : "high",
        ", which is odd; it can't be two pictures of one size");
  const Tensor a = both.slice(dim, 0, size / 2).row_major(), b = both.slice(dim, size / 2, size).row_major();
  return direction_ == Direction::a_to_b ? Example{a, b} : Example{b, a};
}

MatchedFolders::MatchedFolders(const fs::path& pictures, const fs::path& targets)
    : pictures_(pictures), targets_(targets) {
  std::map<std::string, std::string> first = by_stem(pictures), second = by_stem(targets);
  for (const auto& [stem, file] : first) {
    const auto found = second.find(stem);
    if (found == second.end()) {
      unmatched_.push_back(pictures / file);
      continue;
    }
    pairs_.push_back({file, found->second});
    second.erase(found);
  }
  for (const auto& [stem, file] : second) unmatched_.push_back(targets / file);
  if (pairs_.empty())
    fail(kMatched, "no picture of ", pictures, " has its like in ", targets,
         "; pairs have the same file name but for the extension, but the first ones are ", first.begin()->second,
         " and ", second.begin()->second);
}

Example MatchedFolders::read(std::int64_t index, Rng&) const {
  const Pair& pair = pairs_[static_cast<std::size_t>(index)];
  return {read_picture(pictures_ / pair.picture), read_picture(targets_ / pair.target)};
}

std::string MatchedFolders::name(std::int64_t index) const {
  return (pictures_ / pairs_[static_cast<std::size_t>(index)].picture).string();
}

UnalignedDataset::UnalignedDataset(std::shared_ptr<const Dataset> pictures, std::shared_ptr<const Dataset> targets,
                                   Pairing pairing)
    : pictures_(std::move(pictures)), targets_(std::move(targets)), pairing_(pairing) {
  check(pictures_->size() > 0 && targets_->size() > 0, "UnalignedDataset", "needs pictures on both sides, got ",
        pictures_->size(), " and ", targets_->size());
}

std::int64_t UnalignedDataset::size() const { return std::max(pictures_->size(), targets_->size()); }

Example UnalignedDataset::read(std::int64_t index, Rng& draws) const {
  const std::int64_t other = pairing_ == Pairing::serial ? index % targets_->size() : draws.below(targets_->size());
  Example example = pictures_->read(index % pictures_->size(), draws);
  example.target = targets_->read(other, draws).picture;
  return example;
}

}  // namespace duel
