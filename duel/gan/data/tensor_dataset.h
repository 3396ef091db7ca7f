// Dataset: pictures with labels held in memory, and the endless shuffled mini-batches that training draws from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "duel/tensor/tensor.h"

namespace duel {

struct Dataset {
  Tensor pictures;                       ///< uint8 [N, C, H, W] on the CPU
  Tensor labels;                         ///< int64 [N] on the CPU, each in [0, classes); undefined without labels
  std::int64_t classes = 0;              ///< 0 without labels
  std::vector<std::string> class_names;  ///< one per class, or none

  std::int64_t size() const { return pictures.size(0); }
  /// Throws unless all of the above holds and there is at least one picture of at least one pixel.
  void validate() const;
};

/// A mini-batch as networks take it.
struct Batch {
  Tensor pictures;  ///< float32 [B, C, H, W] in [-1, 1] (byte / 127.5 - 1), channels-last
  Tensor labels;    ///< int64 [B]; undefined if the dataset has none
};

/// Endless mini-batches. Every epoch goes once through a permutation of the dataset that depends on the seed and the
/// epoch's number alone; what is left over when no whole batch remains is dropped.
class Batches {
 public:
  /// Which batch is next; with the dataset, the batch size and the seed, the whole state.
  struct Position {
    std::int64_t epoch = 0;
    std::int64_t index = 0;  ///< of the batch within the epoch, in [0, per_epoch())
    friend bool operator==(const Position&, const Position&) = default;
  };

  /// Throws if the dataset is not valid or has fewer pictures than a batch.
  Batches(Dataset dataset, std::int64_t batch_size, std::uint64_t seed);

  Batch next();
  std::int64_t per_epoch() const { return dataset_.size() / batch_size_; }
  std::int64_t batch_size() const { return batch_size_; }
  const Dataset& dataset() const { return dataset_; }
  Position position() const { return position_; }
  /// Goes on from there; throws if there is no such position.
  void restore(Position position);

 private:
  Dataset dataset_;  // pictures channels-last, labels row-major
  std::int64_t batch_size_;
  std::uint64_t seed_;
  Position position_;
  std::vector<std::int64_t> order_;  // of the epoch `ordered_`
  std::int64_t ordered_ = -1;
};

}  // namespace duel
