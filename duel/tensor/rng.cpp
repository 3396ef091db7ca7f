#include "duel/tensor/rng.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "duel/tensor/backend.h"
#include "duel/tensor/philox.h"

namespace duel {

std::uint64_t Rng::take(std::int64_t numbers) {
  const std::uint64_t first = counter_;
  counter_ += static_cast<std::uint64_t>(numbers + 3) / 4;
  return first;
}

Tensor Rng::uniform(const Shape& shape, double low, double high, TensorOptions options) {
  check(is_floating(options.dtype), "Rng::uniform", "needs a floating dtype, got ", options.dtype);
  check(low <= high, "Rng::uniform", "low ", low, " is above high ", high);
  Tensor t = Tensor::empty(shape, options);
  backend(options.device).uniform(t, seed_, take(shape.numel()), low, high);
  return t;
}

Tensor Rng::normal(const Shape& shape, double mean, double stddev, TensorOptions options) {
  check(is_floating(options.dtype), "Rng::normal", "needs a floating dtype, got ", options.dtype);
  check(stddev >= 0, "Rng::normal", "negative standard deviation ", stddev);
  Tensor t = Tensor::empty(shape, options);
  backend(options.device).normal(t, seed_, take(shape.numel()), mean, stddev);
  return t;
}

std::int64_t Rng::below(std::int64_t count) {
  check(count >= 1, "Rng::below", "needs a count of at least 1, got ", count);
  const auto n = static_cast<std::uint64_t>(count);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;  // a multiple of n: what lies beyond would favour small ones
  while (true) {
    const PhiloxBlock b = philox(seed_, counter_++);
    const std::uint64_t value = static_cast<std::uint64_t>(b.w[0]) << 32 | b.w[1];
    if (value < limit) return static_cast<std::int64_t>(value % n);
  }
}

Tensor Rng::integers(const Shape& shape, std::int64_t count) {
  Tensor t = Tensor::empty(shape, {.dtype = DType::int64});
  std::generate_n(t.mutable_data<std::int64_t>(), t.numel(), [&] { return below(count); });
  return t;
}

std::vector<std::int64_t> Rng::permutation(std::int64_t count) {
  check(count >= 0, "Rng::permutation", "negative count ", count);
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t i = count - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(below(i + 1))]);
  return order;
}

Rng Rng::split() {
  const PhiloxBlock b = philox(seed_, counter_++, 1);  // a stream that draws never use
  return Rng(static_cast<std::uint64_t>(b.w[0]) << 32 | b.w[1]);
}

}  // namespace duel
