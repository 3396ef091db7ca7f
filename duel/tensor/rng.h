// Rng: a counter-based random stream, passed explicitly to whoever draws.
#pragma once

#include <cstdint>
#include <vector>

#include "duel/tensor/tensor.h"

namespace duel {

/// Philox stream `seed`; each draw takes blocks from `counter` on. The pair is the whole state: save it, and the
/// numbers go on where they were. Element i of a draw is word i % 4 of block counter + i / 4 in the tensor's row-major
/// order, so values do not depend on device, layout or threads.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t counter = 0) : seed_(seed), counter_(counter) {}

  std::uint64_t seed() const { return seed_; }
  std::uint64_t counter() const { return counter_; }

  /// Uniform in [low, high); float32 or float64.
  Tensor uniform(const Shape& shape, double low = 0, double high = 1, TensorOptions options = {});
  /// Gaussian, by Box and Muller's transform of pairs of words.
  Tensor normal(const Shape& shape, double mean = 0, double stddev = 1, TensorOptions options = {});
  /// int64 labels, uniform in [0, count).
  Tensor integers(const Shape& shape, std::int64_t count);
  /// 0, 1, ... count - 1 shuffled (Fisher and Yates).
  std::vector<std::int64_t> permutation(std::int64_t count);
  /// Uniform integer in [0, count), without modulo bias.
  std::int64_t below(std::int64_t count);
  /// A stream of its own, independent of this one; takes one block.
  Rng split();

 private:
  std::uint64_t take(std::int64_t numbers);

  std::uint64_t seed_, counter_;
};

}  // namespace duel
