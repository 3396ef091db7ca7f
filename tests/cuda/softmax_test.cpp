#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{{1, 1}, {5, 3}, {17, 10}, {3, 1000}, {2, 1024}, {3, 1025}, {2, 3001}, {65, 33}};
  return all;
}

using Forward = decltype(Backend::softmax);
using Gradient = decltype(Backend::softmax_grad);

void check_forward(Forward kernel, Forward expected_kernel, const Tensor& x) {
  const Tensor y = poisoned(x.shape(), x.dtype()), expected = to_twin(y);
  kernel(x, y);
  expected_kernel(to_twin(x), expected);
  CHECK(relative_error(y, expected) < tolerance(x.dtype()));
}

void check_gradient(Gradient kernel, Gradient expected_kernel, const Tensor& y, const Tensor& dy) {
  const Tensor dx = poisoned(y.shape(), y.dtype()), expected = to_twin(dx);
  kernel(y, dy, dx);
  expected_kernel(to_twin(y), to_twin(dy), expected);
  CHECK(relative_error(dx, expected) < tolerance(y.dtype()));
}

}  // namespace

TEST_CASE("softmax, its logarithm and their gradients" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const Shape& shape : shapes()) {
      CAPTURE(dtype);
      CAPTURE(shape);
      const Tensor x = gaussian(shape, dtype, 1), dy = gaussian(shape, dtype, 2), y = poisoned(shape, dtype);
      check_forward(cuda().softmax, twin().softmax, x);
      check_forward(cuda().log_softmax, twin().log_softmax, x);
      cuda().softmax(x, y);
      check_gradient(cuda().softmax_grad, twin().softmax_grad, y, dy);
      cuda().log_softmax(x, y);
      check_gradient(cuda().log_softmax_grad, twin().log_softmax_grad, y, dy);
    }
}

TEST_CASE("softmax of large, infinite and missing numbers" * on_cuda()) {
  const float inf = INFINITY;
  for (const std::int64_t columns : {4, 2000}) {
    Tensor rows = Tensor::full({6, columns}, -1);
    const std::vector<std::vector<float>> starts{
        {1e30f, 0, -1e30f}, {-inf, 1, 2}, {inf, 0, 1}, {NAN, 0, 1}, {-inf, -inf, 0}};
    for (std::size_t i = 0; i < starts.size(); ++i)
      rows.select(0, static_cast<int>(i)).slice(0, 0, 3).copy_(Tensor::from(starts[i], {3}));
    rows.select(0, 5).fill_(-inf);
    check_forward(cuda().softmax, twin().softmax, to_cuda(rows));
    check_forward(cuda().log_softmax, twin().log_softmax, to_cuda(rows));
  }
}

TEST_CASE("softmax of no rows" * on_cuda()) {
  const Tensor none = Tensor::empty({0, 5}, {DType::float32, Device::cuda});
  cuda().softmax(none, none);
  cuda().log_softmax_grad(none, none, none);
}
