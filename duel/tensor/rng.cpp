#include "duel/tensor/rng.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "duel/tensor/backend.h"
#include "duel/tensor/philox.h"

namespace duel {

RandomBlocks Rng::take(std::int64_t numbers, Device device) {
  check(!device_seed_.defined() || device_seed_.device() == device, "Rng", "the seed of this stream lies on ",
        device_seed_.device(), ", its numbers are asked for on ", device);
  const std::uint64_t first = counter_;
  counter_ += static_cast<std::uint64_t>(numbers + 3) / 4;
  return {seed_, first, device_seed_};
}

void Rng::expect_host(const char* operation) const {
  check(!device_seed_.defined(), operation, "the seed of this stream lies on ", device_seed_.device(),
        ": it gives tensors there, no values here");
}

Tensor Rng::uniform(const Shape& shape, double low, double high, TensorOptions options) {
  check(is_floating(options.dtype), "Rng::uniform", "needs a floating dtype, got ", options.dtype);
  check(low <= high, "Rng::uniform", "low ", low, " is above high ", high);
  Tensor t = Tensor::empty(shape, options);
  backend(options.device).uniform(t, take(shape.numel(), options.device), low, high);
  return t;
}

Tensor Rng::normal(const Shape& shape, double mean, double stddev, TensorOptions options) {
  check(is_floating(options.dtype), "Rng::normal", "needs a floating dtype, got ", options.dtype);
  check(stddev >= 0, "Rng::normal", "negative standard deviation ", stddev);
  Tensor t = Tensor::empty(shape, options);
  backend(options.device).normal(t, take(shape.numel(), options.device), mean, stddev);
  return t;
}

std::int64_t Rng::below(std::int64_t count) {
  expect_host("Rng::below");
  check(count >= 1, "Rng::below", "needs a count of at least 1, got ", count);
  const auto n = static_cast<std::uint64_t>(count);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;  // a multiple of n: what lies beyond would favour small ones
  while (true) {
    const PhiloxBlock b = philox(seed_, counter_++);
    const std::uint64_t value = static_cast<std::uint64_t>(b.w[0]) << 32 | b.w[1];
    if (value < limit) return static_cast<std::int64_t>(value % n);
  }
}

Tensor Rng::integers(const Shape& shape, std::int64_t count, Device device) {
  if (device != Device::cpu || is_on_device()) return remainders(shape, count, device);
  Tensor t = Tensor::empty(shape, {.dtype = DType::int64});
  std::generate_n(t.mutable_data<std::int64_t>(), t.numel(), [&] { return below(count); });
  return t;
}

// Of the first two words of a block each, by kernels, in float64: all numbers here are less than 2^53.
Tensor Rng::remainders(const Shape& shape, std::int64_t count, Device device) {
  check(count >= 1 && count < std::int64_t{1} << 26, "Rng::integers", "needs a count from 1 to 2^26 - 1 on ", device,
        ", got ", count);
  const std::int64_t n = shape.numel();
  const Backend& b = backend(device);
  const Tensor words = uniform({n, 4}, 0, 0x1p32, {.dtype = DType::float64, .device = device});
  const Tensor high = words.select(1, 0), low = words.select(1, 1), quotient = Tensor::empty_like(high);
  const Tensor divisor = Tensor::scalar(static_cast<double>(count), DType::float64, device).expand({n});
  const auto reduce = [&] {  // high %= count
    b.binary(BinaryOp::div, high, divisor, quotient, {});
    b.unary(UnaryOp::floor, quotient, quotient, {});
    b.binary(BinaryOp::mul, quotient, divisor, quotient, {});
    b.binary(BinaryOp::sub, high, quotient, high, {});
  };
  reduce();
  b.unary(UnaryOp::affine, high, high, {static_cast<double>((std::int64_t{1} << 32) % count)});
  b.binary(BinaryOp::add, high, low, high, {});
  reduce();
  return high.to(DType::int64).reshape(shape);
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
  if (!device_seed_.defined()) return Rng(split_seed(seed_, counter_++));
  Tensor seed = Tensor::empty_like(device_seed_);
  backend(seed.device()).split_seed(seed, {seed_, counter_++, device_seed_});
  return Rng(std::move(seed));
}

}  // namespace duel
