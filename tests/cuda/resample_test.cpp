#include "tests/cuda/twins.h"

#include "duel/tensor/taps.h"

#ifdef DUEL_SIMULATED_CUDA
#include "tests/cuda/sim/simulated_device.h"
#endif

using namespace duel;
using namespace duel::testing;

namespace {

constexpr Layout kLast = Layout::channels_last;

void check_resample(const Tensor& x, const Taps& h, const Taps& w) {  // x [N, C, H, W]
  const Shape shape{x.size(0), x.size(1), h.first.numel() - 1, w.first.numel() - 1};
  const Tensor y = poisoned(shape, x.dtype(), kLast);
  const Tensor expected = Tensor::empty(shape, {.dtype = DType::float64, .layout = kLast});
  twin().resample2d(to_twin(x), h, w, expected);
  cuda().resample2d(x, h, w, y);
  CAPTURE(x.dtype());
  CAPTURE(x.shape());
  CAPTURE(shape);
  CHECK(relative_error(y, expected) < tolerance(x.dtype()));
}

}  // namespace

TEST_CASE("resample2d: every kind of taps and of channels" * on_cuda()) {
  constexpr std::int64_t height = 6, width = 9;
  const std::vector<double> kernel{0.125, 0.375, 0.375, 0.125};
  for (const DType dtype : computed_dtypes())
    for (const std::int64_t channels : {1, 3, 8, 24}) {
      const Tensor x = gaussian({2, channels, height, width}, dtype, 1, kLast);
      check_resample(x, nearest_taps(height, 12, 0.5), nearest_taps(width, 18, 0.5));
      check_resample(x, window_taps(height, 2, 2, 0, PadCount::include),
                     window_taps(width, 3, 2, 1, PadCount::exclude));
      check_resample(x, bilinear_taps(height, 11, 6.0 / 11), bilinear_taps(width, 4, 9.0 / 4));
      check_resample(x, adaptive_taps(height, 1), adaptive_taps(width, 1));
      check_resample(x, pad_taps(height, 3, 10, PadMode::zeros), pad_taps(width, -2, 5, PadMode::reflect));
      check_resample(x, fir_taps(height, kernel, 2, 1, 2, 12), fir_taps(width, kernel, 1, 2, 1, 5));
      check_resample(x, transposed(bilinear_taps(4, height, 4.0 / 6), 4), transposed(adaptive_taps(2, width), 2));
    }
}

TEST_CASE("resample2d: nothing, and of nothing" * on_cuda()) {
  const Taps none = make_taps({}), zeros = make_taps({{}, {}});
  const Tensor x = gaussian({2, 3, 4, 5}, DType::float32, 1, kLast);
  check_resample(x, none, nearest_taps(5, 5, 1));
  check_resample(x, zeros, nearest_taps(5, 5, 1));
  check_resample(gaussian({2, 3, 0, 5}, DType::float32, 1, kLast), zeros, zeros);
  check_resample(gaussian({0, 3, 4, 5}, DType::float32, 1, kLast), zeros, zeros);
}

TEST_CASE("resample2d: memory that is not aligned" * on_cuda()) {
  const Tensor all = gaussian({4 * 3 * 3 + 1}, DType::float32, 1);
  const Tensor x(all.storage(), {1, 4, 3, 3}, dense_strides({1, 4, 3, 3}, kLast), 1, DType::float32);
  check_resample(x, nearest_taps(3, 6, 0.5), nearest_taps(3, 6, 0.5));
}

#ifdef DUEL_SIMULATED_CUDA
TEST_CASE("resample2d: taps are brought to the device once, by content, and many of them" * on_cuda()) {
  const Tensor x = gaussian({1, 1, 2, 2}, DType::float64, 1, kLast), y = poisoned({1, 1, 1, 1}, DType::float64, kLast);
  const auto at = [](double weight) { return make_taps({{{0, weight}, {1, 1}}}); };
  const auto copies = [&](double weight) {
    const std::int64_t before = simulated::counters().copies_to_device;
    cuda().resample2d(x, at(weight), at(weight), y);
    return simulated::counters().copies_to_device - before;
  };
  check_resample(x, at(0.5), at(0.25));
  check_resample(x, at(0.25), at(0.5));
  CHECK(copies(0.5) == 0);
  CHECK(copies(0.75) > 0);
  for (int i = 0; i < 4200; ++i) copies(1 + i);
  CHECK(copies(4200) == 0);
  CHECK(copies(1) > 0);  // that one made room
  check_resample(x, at(0.5), at(0.25));
}
#endif

TEST_CASE("resample2d: a recorded step takes the taps of an earlier one" * on_cuda()) {
  const Tensor x = gaussian({1, 3, 4, 4}, DType::float32, 1, kLast);
  const Taps taps = bilinear_taps(4, 7, 4.0 / 7), others = bilinear_taps(4, 6, 4.0 / 6);
  check_resample(x, taps, taps);
  const Tensor expected = Tensor::empty({1, 3, 7, 7}, {.dtype = DType::float64, .layout = kLast});
  twin().resample2d(to_twin(x), taps, taps, expected);
  const Tensor y = poisoned({1, 3, 7, 7}, DType::float32, kLast), z = poisoned({1, 3, 6, 6}, DType::float32, kLast);
  const DeviceFunctions& device = *cuda_functions();
  device.begin_capture();
  cuda().resample2d(x, taps, taps, y);
  const auto record = device.end_capture();
  device.replay(record.get());
  CHECK(relative_error(y, expected) < tolerance(DType::float32));
  device.begin_capture();
  CHECK_THROWS_WITH_AS(cuda().resample2d(x, others, others, z), doctest::Contains("run the step once"), Error);
  device.abandon_capture();
  check_resample(x, others, others);
}
