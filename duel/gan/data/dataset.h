// Dataset: examples by number, as they lie in files or in memory. A DataLoader makes mini-batches of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "duel/tensor/rng.h"
#include "duel/tensor/tensor.h"

namespace duel {

/// A picture as data sets give it: [C, H, W] on the CPU, row-major or channels-last, uint8 from 0 to 255 or, where
/// there is more to it than bytes hold, float32 on the same scale.
struct Example {
  Tensor picture;
  Tensor target{};  ///< the other one of a pair; undefined where there are no pairs
};

/// Parts of data sets that are divided.
enum class Split : std::uint8_t { train, test };

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  /// Example `index`, in [0, size()). Depends on nothing but the two arguments, and may be called by several threads at
  /// once. Throws `Error`, naming the file, for one that can't be read.
  virtual Example read(std::int64_t index, Rng& draws) const = 0;
  /// Its class, in [0, classes()); only where there are classes.
  virtual std::int64_t label(std::int64_t) const { return 0; }
  /// What a message calls it: the path of its file, or the file and the number in it.
  virtual std::string name(std::int64_t index) const = 0;
  /// 0 without labels.
  virtual std::int64_t classes() const { return 0; }
  /// One per class, or none.
  virtual std::vector<std::string> class_names() const { return {}; }

 protected:
  Dataset() = default;
  Dataset(const Dataset&) = default;
  Dataset& operator=(const Dataset&) = default;
};

}  // namespace duel
