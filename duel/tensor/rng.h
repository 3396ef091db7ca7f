// Rng: a counter-based random stream, passed explicitly to whoever draws.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "duel/tensor/tensor.h"

namespace duel {

struct RandomBlocks;

/// Philox stream `seed`; each draw takes blocks from `counter` on. The pair is the whole state: save it, and the
/// numbers go on where they were. Element i of a draw is word i % 4 of block counter + i / 4 in the tensor's row-major
/// order, so values do not depend on device, layout or threads.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t counter = 0) : seed_(seed), counter_(counter) {}
  /// A stream whose seed, int64 [1], lies where it draws and may be another whenever a recorded step is done: the host
  /// does not know the numbers. Draws on other devices and those that give host values throw.
  explicit Rng(Tensor seed, std::uint64_t counter = 0) : seed_(0), counter_(counter), device_seed_(std::move(seed)) {}

  std::uint64_t seed() const { return seed_; }
  bool is_on_device() const { return device_seed_.defined(); }
  std::uint64_t counter() const { return counter_; }

  /// Uniform in [low, high); float32 or float64.
  Tensor uniform(const Shape& shape, double low = 0, double high = 1, TensorOptions options = {});
  /// Gaussian, by Box and Muller's transform of pairs of words.
  Tensor normal(const Shape& shape, double mean = 0, double stddev = 1, TensorOptions options = {});
  /// int64 labels, uniform in [0, count). On another device than the CPU, and from a seed that lies on a device,
  /// `count` is less than 2^26, and they are the remainders of 64-bit numbers: `below` draws one of those again if it
  /// is among the last 2^64 % count, which makes a difference of less than one in 2^38 draws.
  Tensor integers(const Shape& shape, std::int64_t count, Device device = Device::cpu);
  /// 0, 1, ... count - 1 shuffled (Fisher and Yates).
  std::vector<std::int64_t> permutation(std::int64_t count);
  /// Uniform integer in [0, count), without modulo bias.
  std::int64_t below(std::int64_t count);
  /// A stream of its own, independent of this one; takes one block.
  Rng split();
  /// The blocks of so many numbers, for a kernel that draws them by itself.
  RandomBlocks take(std::int64_t numbers, Device device);

 private:
  Tensor remainders(const Shape& shape, std::int64_t count, Device device);
  void expect_host(const char* operation) const;

  std::uint64_t seed_, counter_;
  Tensor device_seed_;
};

}  // namespace duel
