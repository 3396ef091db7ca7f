#include "duel/tensor/philox.h"
#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

const RandomBlocks kBlocks{.seed = 0x123456789abcdef, .counter = 0xfffffff0};  // the counter carries

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{{}, {1}, {3}, {4}, {1001}, {2, 3, 5, 7}, {4, 8, 2, 2}, {0, 3}};
  return all;
}

// What the CPU draws: bfloat16 is float32, rounded.
template <class Draw>
Tensor drawn_by_twin(const Shape& shape, DType dtype, const Draw& draw) {
  const Tensor y = Tensor::empty(shape, {.dtype = dtype == DType::bfloat16 ? DType::float32 : dtype});
  draw(twin(), y);
  return y.to(dtype);
}

// Calls check(y, expected) for every shape, dtype and layout, and for part of something larger.
template <class Draw, class Check>
void for_each_draw(const Draw& draw, const Check& check) {
  for (const DType dtype : computed_dtypes())
    for (const Shape& shape : shapes()) {
      const Tensor want = drawn_by_twin(shape, dtype, draw);
      for (const Layout layout : {Layout::row_major, Layout::channels_last}) {
        const Tensor y = poisoned(shape, dtype, layout);
        draw(cuda(), y);
        check(y, want);
      }
      const Tensor flat = poisoned({shape.numel() + 1}, dtype), y = flat.slice(0, 1, shape.numel() + 1).reshape(shape);
      draw(cuda(), y);
      check(y, want);
    }
}

Tensor device_seed(std::uint64_t seed) { return Tensor::from({static_cast<std::int64_t>(seed)}, {1}).to(Device::cuda); }

}  // namespace

TEST_CASE("cuda uniform: the CPU's bits, whatever the layout" * on_cuda()) {
  const auto draw = [](const Backend& device, const Tensor& y) { device.uniform(y, kBlocks, -1.1, 3.3); };
  for_each_draw(draw, [](const Tensor& y, const Tensor& want) { CHECK(relative_error(y, want) == 0); });
}

TEST_CASE("cuda uniform: never the upper end" * on_cuda()) {
  const Tensor y = poisoned({3000}, DType::float32), want = Tensor::empty({3000});
  cuda().uniform(y, {1, 0}, 1e6, 1e6 + 0.125);  // neighbouring floats are 0.0625 apart
  twin().uniform(want, {1, 0}, 1e6, 1e6 + 0.125);
  CHECK(relative_error(y, want) == 0);
}

TEST_CASE("cuda normal: the CPU's numbers, whatever the layout" * on_cuda()) {
  const auto draw = [](const Backend& device, const Tensor& y) { device.normal(y, kBlocks, 0.5, 2); };
  for_each_draw(draw, [](const Tensor& y, const Tensor& want) {
    const double few = y.dtype() == DType::float64 ? 1e-15 : y.dtype() == DType::float32 ? 1e-7 : 1e-3;
    CHECK(relative_error(y, want) <= few);
  });
}

TEST_CASE("cuda uniform, normal: the seed read from the device" * on_cuda()) {
  const RandomBlocks by_value{.seed = 0xfedcba9876543210, .counter = 7};
  const RandomBlocks on_device{.seed = 1, .counter = 7, .device_seed = device_seed(by_value.seed)};
  for (const Layout layout : {Layout::row_major, Layout::channels_last}) {
    const Tensor a = poisoned({2, 3, 4, 5}, DType::float32, layout), b = poisoned({2, 3, 4, 5}, DType::float32, layout);
    cuda().normal(a, by_value, 0, 1);
    cuda().normal(b, on_device, 0, 1);
    CHECK(relative_error(a, b) == 0);
    cuda().uniform(a, by_value, 0, 1);
    cuda().uniform(b, on_device, 0, 1);
    CHECK(relative_error(a, b) == 0);
  }
}

TEST_CASE("cuda split_seed: that of the host's stream" * on_cuda()) {
  const Tensor seed = Tensor::zeros({1}, {DType::int64, Device::cuda});
  const auto split = [&](const RandomBlocks& r) {
    cuda().split_seed(seed, r);
    return static_cast<std::uint64_t>(seed.to_vector<std::int64_t>()[0]);
  };
  CHECK(split(kBlocks) == split_seed(kBlocks.seed, kBlocks.counter));
  CHECK(split({.seed = 0, .counter = 9, .device_seed = device_seed(kBlocks.seed)}) == split_seed(kBlocks.seed, 9));
}
