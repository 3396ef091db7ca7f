#include <numeric>

#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

// The shape of x with the dimensions in `mask` reduced.
Shape reduced(const Shape& shape, unsigned mask) {
  Shape y = shape;
  for (int d = 0; d < shape.dim(); ++d)
    if (mask & 1u << d) y[d] = 1;
  return y;
}

void check_reduced(const Tensor& x, const Tensor& y) {
  CAPTURE(x);
  CAPTURE(y);
  const Tensor want = Tensor::empty(y.shape(), {.dtype = DType::float64});
  cuda().sum(x, y);
  twin().sum(to_twin(x), want);
  CHECK(relative_error(y, want) <= tolerance(y.dtype()));
  cuda().fill(y, NAN);
  cuda().amax(x, y);
  twin().amax(to_twin(x), want);
  CHECK(relative_error(y, want) == 0);
}

}  // namespace

TEST_CASE("cuda sum, amax: any dimensions of any strides" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const Shape& shape : {Shape{2, 8, 3, 5}, Shape{3, 5, 7, 16}})
      for (unsigned mask = 0; mask < 16; ++mask) {
        const Shape small = reduced(shape, mask);
        check_reduced(gaussian(shape, dtype, 1), poisoned(small, dtype));
        check_reduced(gaussian(shape, dtype, 2, Layout::channels_last), poisoned(small, dtype, Layout::channels_last));
        Shape wide = shape;
        wide[3] = 2 * shape[3] + 1;
        check_reduced(gaussian(wide, dtype, 3).slice(3, 1, wide[3], 2), poisoned(small, dtype));
      }
}

TEST_CASE("cuda sum, amax: sizes that are cut into pieces" * on_cuda()) {
  for (const DType dtype : computed_dtypes()) {
    check_reduced(gaussian({20000}, dtype, 1), poisoned({1}, dtype));
    check_reduced(gaussian({20001}, dtype, 2), poisoned({1}, dtype));
    check_reduced(gaussian({3, 9000}, dtype, 3), poisoned({3, 1}, dtype));
    check_reduced(gaussian({9000, 3}, dtype, 4), poisoned({1, 3}, dtype));
    check_reduced(gaussian({1501, 16}, dtype, 5), poisoned({1, 16}, dtype));
    check_reduced(gaussian({700, 33}, dtype, 6), poisoned({1, 33}, dtype));
    check_reduced(gaussian({1, 1}, dtype, 7), poisoned({1, 1}, dtype));
    check_reduced(gaussian({5, 1}, dtype, 8).expand({5, 600}), poisoned({5, 1}, dtype));
    check_reduced(gaussian({1, 5}, dtype, 9).expand({3000, 5}), poisoned({1, 5}, dtype));
    check_reduced(gaussian({1, 40, 40}, dtype, 9).expand({4, 40, 40}).slice(1, 1, 40), poisoned({4, 1, 1}, dtype));
  }
}

TEST_CASE("cuda sum: nothing is 0" * on_cuda()) {
  const Tensor y = poisoned({3, 1}, DType::float32);
  cuda().sum(Tensor::empty({3, 0}, {.device = Device::cuda}), y);
  CHECK(relative_error(y, Tensor::zeros({3, 1})) == 0);
  cuda().sum(Tensor::empty({0, 4}, {.device = Device::cuda}), Tensor::empty({0, 1}, {.device = Device::cuda}));
}

TEST_CASE("cuda amax: NaN if any is, of infinities, of nothing" * on_cuda()) {
  for (const DType dtype : computed_dtypes()) {
    std::vector<double> values(2000, -INFINITY);
    values[777] = NAN;
    values[1500] = 3;
    const Tensor x = Tensor::from(values, {2, 1000}).to(dtype).to(Device::cuda), y = poisoned({2, 1}, dtype);
    cuda().amax(x, y);
    const std::vector<double> largest = to_twin(y).to_vector<double>();
    CHECK(std::isnan(largest[0]));
    CHECK(largest[1] == 3);
    const Tensor columns = poisoned({1, 500}, dtype);
    cuda().amax(x.reshape({4, 500}), columns);
    CHECK(to_twin(columns).to_vector<double>()[1] == -INFINITY);
    CHECK(std::isnan(to_twin(columns).to_vector<double>()[277]));
  }
  const Tensor none = Tensor::empty({3, 0}, {.device = Device::cuda});
  CHECK_THROWS_WITH_AS(cuda().amax(none, poisoned({3, 1}, DType::float32)), doctest::Contains("amax: no elements"),
                       Error);
}

TEST_CASE("cuda cumsum: along any dimension" * on_cuda()) {
  const auto check_cumsum = [](const Tensor& x, const Tensor& y, int d) {
    CAPTURE(x);
    const Tensor want = Tensor::empty(x.shape(), {.dtype = DType::float64});
    cuda().cumsum(x, y, d);
    twin().cumsum(to_twin(x), want, d);
    CHECK(relative_error(y, want) <= tolerance(y.dtype()));
  };
  for (const DType dtype : computed_dtypes()) {
    for (int d = 0; d < 4; ++d) {
      const Shape shape{2, 5, 3, 70};
      check_cumsum(gaussian(shape, dtype, 1), poisoned(shape, dtype), d);
      check_cumsum(gaussian(shape, dtype, 2, Layout::channels_last), poisoned(shape, dtype), d);
    }
    check_cumsum(gaussian({2, 777}, dtype, 3), poisoned({2, 777}, dtype), 1);
    check_cumsum(gaussian({65, 4100}, dtype, 4), poisoned({65, 4100}, dtype), 0);
    check_cumsum(gaussian({1}, dtype, 5).expand({300}), poisoned({300}, dtype), 0);
    check_cumsum(gaussian({3, 0}, dtype, 6), poisoned({3, 0}, dtype), 0);
  }
}
