// DataLoader: the endless shuffled mini-batches that training draws from a data set, made ahead by threads of its own.
#pragma once

#include <functional>
#include <memory>

#include "duel/gan/data/dataset.h"
#include "duel/gan/data/tensor_dataset.h"

namespace duel {

/// A mini-batch as networks take it.
struct Batch {
  /// float32 [B, C, H, W] in [-1, 1] (byte / 127.5 - 1), or uint8 (see BatchPixels); channels-last.
  Tensor pictures;
  Tensor targets{};  ///< the other picture of each pair, likewise; undefined without pairs
  Tensor labels{};   ///< int64 [B]; undefined without classes
};

/// What is common to all batches.
struct BatchShape {
  Shape picture, target{};   ///< [C, H, W]; of the first example, where they differ
  std::int64_t classes = 0;  ///< 0 without labels
};

/// What makes another example of one, such as a crop. Depends on nothing but its arguments; several threads call it at
/// once.
using Transform = std::function<Example(const Example&, Rng& draws)>;

/// Whether each epoch has a permutation of its own, or the data set's order.
enum class Shuffle : std::uint8_t { no, yes };

/// What a batch's pictures are: floats as networks take them, or the bytes of the data set where all of them are bytes,
/// a quarter of the memory, for those who make floats of them on a device (`to_floats`).
enum class BatchPixels : std::uint8_t { floats, bytes };

/// Of bytes what `BatchPixels::floats` gives, to the bit, on the device where they are; floats stay as they are.
Tensor to_floats(const Tensor& pictures);

struct DataLoaderOptions {
  std::int64_t batch_size = 64;
  std::uint64_t seed = 0;
  Transform transform{};
  Shuffle shuffle = Shuffle::yes;
  std::int64_t workers = 0;   ///< threads that read ahead; 0: whoever asks for a batch makes it
  std::int64_t prefetch = 4;  ///< batches that are held ready at most
  BatchPixels pixels = BatchPixels::floats;
};

/// Every epoch goes once through the data set, in an order that depends on the seed and the epoch's number alone; what
/// is left over when no whole batch remains is dropped. An example that can't be read is replaced by the next one that
/// can, and reported. So the batches are the same for any number of workers.
class DataLoader {
 public:
  /// Which batch is next; with the data set and the options, the whole state.
  struct Position {
    std::int64_t epoch = 0;
    std::int64_t index = 0;  ///< of the batch within the epoch, in [0, per_epoch())
    friend bool operator==(const Position&, const Position&) = default;
  };
  /// What has happened since the last question.
  struct Report {
    double waited = 0;                  ///< seconds that `next` took
    std::int64_t skipped = 0;           ///< examples that could not be read
    std::vector<std::string> messages;  ///< a line for each that was not reported before
  };

  /// Reads the first example. Throws if none can be read, or there are fewer than a batch.
  DataLoader(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions& options);
  DataLoader(TensorDataset dataset, const DataLoaderOptions& options);
  DataLoader(DataLoader&&) noexcept;
  ~DataLoader();

  /// Throws for a batch whose pictures differ in shape, and when nothing can be read any more.
  Batch next();
  /// `count` examples at equal distances in the data set, or all and the last one again, whatever was drawn before.
  Batch spread(std::int64_t count) const;

  const BatchShape& shape() const;
  const Dataset& dataset() const;
  /// `content_fingerprint` of the data set as it is at the first call, which reads 32 examples of it.
  std::uint64_t fingerprint() const;
  std::int64_t per_epoch() const;
  std::int64_t batch_size() const;
  Position position() const;
  /// Goes on from there; throws if there is no such position.
  void restore(Position position);
  Report report();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace duel
