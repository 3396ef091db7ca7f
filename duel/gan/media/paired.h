// Data sets of pairs: two pictures in one, files of the same name in two folders, and, unaligned, any two of two sets.
// (Isola et al. 2017; Zhu et al. 2017.)
#pragma once

#include <filesystem>
#include <memory>

#include "duel/gan/data/dataset.h"

namespace duel {

/// Where the two pictures lie in one. The first is A, the second B.
enum class Halves : std::uint8_t { left_right, top_bottom };

enum class Direction : std::uint8_t { a_to_b, b_to_a };

/// Both pictures of a pair are in one picture of `whole`, of even width or height. From A to B, picture A is the
/// example's picture and B its target.
class SideBySideDataset : public Dataset {
 public:
  SideBySideDataset(std::shared_ptr<const Dataset> whole, Halves halves, Direction direction);

  std::int64_t size() const override { return whole_->size(); }
  Example read(std::int64_t index, Rng& draws) const override;
  std::string name(std::int64_t index) const override { return whole_->name(index); }

 private:
  std::shared_ptr<const Dataset> whole_;
  Halves halves_;
  Direction direction_;
};

/// Files of two folders that have the same path there but for the extension: the example's picture is from one, its
/// target from the other.
class MatchedFolders : public Dataset {
 public:
  /// Throws if a folder has no pictures, or two of the same name with different extensions, or if none match.
  MatchedFolders(const std::filesystem::path& pictures, const std::filesystem::path& targets);

  std::int64_t size() const override { return static_cast<std::int64_t>(pairs_.size()); }
  Example read(std::int64_t index, Rng& draws) const override;
  std::string name(std::int64_t index) const override;
  /// Files left out because the other folder has none of the name.
  const std::vector<std::filesystem::path>& unmatched() const { return unmatched_; }

 private:
  struct Pair {
    std::string picture, target;  // from the folders on
  };
  std::filesystem::path pictures_, targets_;
  std::vector<Pair> pairs_;
  std::vector<std::filesystem::path> unmatched_;
};

enum class Pairing : std::uint8_t {
  random,  ///< any target for each picture
  serial,  ///< the target of the same number; CycleGAN's --serial_batches
};

/// Pictures of one data set, targets of another: as many examples as the larger one has, the smaller one repeated.
class UnalignedDataset : public Dataset {
 public:
  /// Throws if either is empty.
  UnalignedDataset(std::shared_ptr<const Dataset> pictures, std::shared_ptr<const Dataset> targets, Pairing pairing);

  std::int64_t size() const override;
  Example read(std::int64_t index, Rng& draws) const override;
  std::string name(std::int64_t index) const override { return pictures_->name(index % pictures_->size()); }
  const std::shared_ptr<const Dataset>& pictures() const { return pictures_; }
  const std::shared_ptr<const Dataset>& targets() const { return targets_; }

 private:
  std::shared_ptr<const Dataset> pictures_, targets_;
  Pairing pairing_;
};

}  // namespace duel
