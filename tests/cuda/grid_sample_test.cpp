#include <limits>

#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr Layout kLast = Layout::channels_last;

void check_grid_sample(const Tensor& x, const Tensor& grid, PadMode outside) {  // [N, C, H, W], [N, OH, OW, 2]
  CAPTURE(x.dtype());
  CAPTURE(x.shape());
  CAPTURE(grid.shape());
  CAPTURE(static_cast<int>(outside));
  const Shape shape{x.size(0), x.size(1), grid.size(1), grid.size(2)};
  const Tensor y = poisoned(shape, x.dtype(), kLast);
  const Tensor expected = Tensor::empty(shape, {.dtype = DType::float64, .layout = kLast});
  twin().grid_sample(to_twin(x), to_twin(grid), expected, outside);
  cuda().grid_sample(x, grid, y, outside);
  CHECK(relative_error(y, expected) < tolerance(x.dtype()));

  const Tensor dy = gaussian(shape, x.dtype(), 3, kLast), dx = poisoned(x.shape(), x.dtype(), kLast);
  const Tensor expected_dx = Tensor::empty(x.shape(), {.dtype = DType::float64, .layout = kLast});
  twin().grid_sample_input_grad(to_twin(dy), to_twin(grid), expected_dx, outside);
  cuda().grid_sample_input_grad(dy, grid, dx, outside);
  CHECK(relative_error(dx, expected_dx) < tolerance(x.dtype()));
}

}  // namespace

TEST_CASE("grid_sample and its transpose: places all over the picture and beyond" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const PadMode outside : {PadMode::zeros, PadMode::replicate, PadMode::reflect})
      for (const std::int64_t channels : {1, 3, 8, 19})
        check_grid_sample(gaussian({2, channels, 5, 7}, dtype, 1, kLast), gaussian({2, 4, 6, 2}, dtype, 2), outside);
}

TEST_CASE("grid_sample and its transpose: several tiles and patches" * on_cuda()) {
  for (const DType dtype : computed_dtypes()) {
    const Tensor x = gaussian({2, 3, 20, 35}, dtype, 1, kLast);
    check_grid_sample(x, gaussian({2, 18, 17, 2}, dtype, 2), PadMode::reflect);
    std::vector<double> zoom;  // into a part: patches that touch few tiles
    for (int n = 0; n < 2; ++n)
      for (int i = 0; i < 33; ++i)
        for (int j = 0; j < 18; ++j) zoom.insert(zoom.end(), {0.03 * j - 0.4 * n, 0.04 * i - 1});
    check_grid_sample(x, to_cuda(Tensor::from(zoom, {2, 33, 18, 2}).to(dtype)), PadMode::zeros);
  }
}

TEST_CASE("grid_sample and its transpose: edges, places far away, and no places" * on_cuda()) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Tensor edges = Tensor::from<double>(
      {-1, -1, 1, 1, -1, 1, 1e30, 0, 0, -1e30, 7, 9, kInfinity, 0, NAN, 0.5, 0, NAN}, {1, 3, 3, 2});
  for (const PadMode outside : {PadMode::zeros, PadMode::replicate, PadMode::reflect})
    for (const std::int64_t points : {2, 3}) {  // without and with those that give NaN
      const Tensor grid = edges.slice(1, 0, points).to(DType::float64).clone();
      check_grid_sample(gaussian({1, 2, 3, 4}, DType::float64, 1, kLast), to_cuda(grid), outside);
    }
  const Tensor x = gaussian({2, 3, 4, 5}, DType::float32, 1, kLast);
  check_grid_sample(x, gaussian({2, 0, 3, 2}, DType::float32, 1), PadMode::zeros);
  check_grid_sample(gaussian({0, 3, 4, 5}, DType::float32, 1, kLast), gaussian({0, 2, 3, 2}, DType::float32, 1),
                    PadMode::zeros);
}
