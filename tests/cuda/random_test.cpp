#include "duel/tensor/philox.h"

#include <algorithm>

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

namespace {

constexpr double kDrop = 0.3;

Tensor dropped_by_cuda(const Tensor& x, const RandomBlocks& r, Layout layout = Layout::row_major) {
  const Tensor y = poisoned(x.shape(), x.dtype(), layout);
  cuda().dropout(x, r, kDrop, y);
  return y;
}

// The CPU's bits, in bfloat16 too: its float32, rounded.
void check_dropout(const Tensor& x, const Tensor& y) {
  CAPTURE(x);
  CAPTURE(x.strides());
  CAPTURE(y.strides());
  const Tensor host = x.to(Device::cpu), wide = host.dtype() == DType::bfloat16 ? host.to(DType::float32) : host;
  const Tensor want = Tensor::empty(wide.shape(), {.dtype = wide.dtype()});
  twin().dropout(wide, kBlocks, kDrop, want);
  cuda().dropout(x, kBlocks, kDrop, y);
  CHECK(relative_error(y, want.to(y.dtype())) == 0);
}

}  // namespace

TEST_CASE("cuda dropout: the CPU's bits, whatever the layouts" * on_cuda()) {
  constexpr Layout kLayouts[] = {Layout::row_major, Layout::channels_last};
  for (const DType dtype : computed_dtypes())
    for (const Shape& shape : shapes())
      for (const Layout of_x : kLayouts)
        for (const Layout of_y : kLayouts) check_dropout(gaussian(shape, dtype, 1, of_x), poisoned(shape, dtype, of_y));
}

TEST_CASE("cuda dropout: any strides of x, memory that is not aligned, several blocks of threads" * on_cuda()) {
  for (const DType dtype : computed_dtypes()) {
    const Shape shape{2, 3, 5, 7};
    const Tensor y = poisoned(shape, dtype), y_last = poisoned(shape, dtype, Layout::channels_last);
    for (const Tensor& x : {gaussian({}, dtype, 1).expand(shape), gaussian({2, 3, 1, 1}, dtype, 2).expand(shape),
                            gaussian({7, 5, 3, 2}, dtype, 3).transpose(0, 3).transpose(1, 2),
                            gaussian({2, 3, 5, 15}, dtype, 4).slice(3, 1, 15, 2)}) {
      check_dropout(x, y);
      check_dropout(x, y_last);
    }
    check_dropout(gaussian({5, 9}, dtype, 5).transpose(0, 1), poisoned({5, 9}, dtype).transpose(0, 1));
    for (const std::int64_t n : {1, 6, 1000, 5003})
      for (const std::int64_t first : {0, 1, 2})
        check_dropout(gaussian({n + 2}, dtype, 6).slice(0, first, first + n),
                      poisoned({n + 2}, dtype).slice(0, 2 - first, 2 - first + n));
  }
}

TEST_CASE("cuda dropout: not-a-number and infinities are multiplied by 0 too" * on_cuda()) {
  for (const double value : {NAN, INFINITY})
    for (const Layout layout : {Layout::row_major, Layout::channels_last}) {
      const Tensor x = Tensor::full({2, 3, 4, 5}, value, {DType::float32, Device::cuda});
      const std::vector<float> y = dropped_by_cuda(x, kBlocks, layout).to(Device::cpu).to_vector<float>();
      const auto lost = std::count_if(y.begin(), y.end(), [](float v) { return std::isnan(v); });
      CHECK(lost > 0);
      CHECK((std::isnan(value) == (lost == 120)));
    }
}

TEST_CASE("cuda dropout: the same blocks drop the same, the seed read from the device too" * on_cuda()) {
  const RandomBlocks on_device{.seed = 1, .counter = kBlocks.counter, .device_seed = device_seed(kBlocks.seed)};
  const Tensor x = gaussian({2, 3, 4, 5}, DType::float32, 1);
  for (const Layout layout : {Layout::row_major, Layout::channels_last}) {
    const Tensor y = dropped_by_cuda(x, kBlocks, layout);
    CHECK(relative_error(dropped_by_cuda(x, kBlocks, layout), y) == 0);
    CHECK(relative_error(dropped_by_cuda(x, on_device, layout), y) == 0);
    CHECK(relative_error(dropped_by_cuda(x, {kBlocks.seed, 7}, layout), y) > 0);
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
