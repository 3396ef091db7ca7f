#include <limits>

#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr Layout kLast = Layout::channels_last;

void check_max_pool(const Tensor& x, Size2 kernel, const Conv2dGeometry& g) {  // x [N, C, H, W]
  const auto size = [](std::int64_t in, std::int64_t k, std::int64_t stride, std::int64_t padding,
                       std::int64_t dilation) { return (in + 2 * padding - dilation * (k - 1) - 1) / stride + 1; };
  const Shape shape{x.size(0), x.size(1), size(x.size(2), kernel.h, g.stride.h, g.padding.h, g.dilation.h),
                    size(x.size(3), kernel.w, g.stride.w, g.padding.w, g.dilation.w)};
  const Tensor y = poisoned(shape, x.dtype(), kLast), index = poisoned(shape, DType::int64, kLast);
  const Tensor expected = Tensor::empty(shape, {.dtype = DType::float64, .layout = kLast});
  const Tensor expected_index = Tensor::empty(shape, {.dtype = DType::int64, .layout = kLast});
  twin().max_pool2d(to_twin(x), expected, expected_index, kernel, g);
  cuda().max_pool2d(x, y, index, kernel, g);
  CAPTURE(x.dtype());
  CAPTURE(x.shape());
  CAPTURE(kernel.h);
  CHECK(relative_error(y, expected) == 0);
  CHECK(index.to(Device::cpu).to_vector<std::int64_t>() == expected_index.to_vector<std::int64_t>());
}

}  // namespace

TEST_CASE("max_pool2d: any windows" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const std::int64_t channels : {1, 3, 33}) {
      const Tensor x = gaussian({2, channels, 7, 10}, dtype, 1, kLast);
      check_max_pool(x, {2, 2}, {.stride = {2, 2}});
      check_max_pool(x, {3, 2}, {.stride = {2, 3}, .padding = {1, 1}});
      check_max_pool(x, {3, 3}, {.stride = {1, 1}, .padding = {1, 1}, .dilation = {3, 4}});
      check_max_pool(x, {7, 10}, {});
      check_max_pool(x, {1, 1}, {.stride = {3, 4}});
    }
}

TEST_CASE("max_pool2d: a window far larger than the picture" * on_cuda()) {
  constexpr std::int64_t kFar = std::int64_t{1} << 40;
  const Tensor x = gaussian({1, 2, 4, 5}, DType::float32, 1, kLast);
  check_max_pool(x, {3, 3}, {.stride = {kFar, kFar}, .padding = {kFar, kFar}, .dilation = {kFar, kFar}});
}

TEST_CASE("max_pool2d: the first of equal ones, NaN above all" * on_cuda()) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = Tensor::from<double>({1, 1, 0, NAN, -inf, -inf, 1, 0, NAN, 1, -inf, -inf}, {1, 1, 2, 6});
  for (const DType dtype : computed_dtypes()) {
    const Tensor picture = to_cuda(x.to(dtype).channels_last());
    check_max_pool(picture, {2, 2}, {.stride = {2, 2}});
    check_max_pool(picture, {2, 3}, {.stride = {1, 1}, .padding = {1, 1}});
  }
}

TEST_CASE("max_pool2d: no pictures, no channels" * on_cuda()) {
  check_max_pool(gaussian({0, 3, 4, 4}, DType::float32, 1, kLast), {2, 2}, {});
  check_max_pool(gaussian({2, 0, 4, 4}, DType::float32, 1, kLast), {2, 2}, {});
}
