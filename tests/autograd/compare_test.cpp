// Comparisons with NaN, and choices that keep what they leave out apart.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "duel/autograd/ops.h"
#include "tests/support/tensors.h"

namespace duel::testing {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

using Values = std::vector<double>;

TEST_CASE("comparisons give 1 and 0; NaN is only unequal") {
  const Tensor a = Tensor::from({1.0, 2.0, 2.0, nan, -inf, 0.0}, {6}),
               b = Tensor::from({2.0, 2.0, 1.0, nan, inf, -0.0}, {6});
  CHECK(doubles(gt(a, b).value()) == Values{0, 0, 1, 0, 0, 0});
  CHECK(doubles(ge(a, b).value()) == Values{0, 1, 1, 0, 0, 1});
  CHECK(doubles(lt(a, b).value()) == Values{1, 0, 0, 0, 1, 0});
  CHECK(doubles(le(a, b).value()) == Values{1, 1, 0, 0, 1, 1});
  CHECK(doubles(eq(a, b).value()) == Values{0, 1, 0, 0, 0, 1});
  CHECK(doubles(ne(a, b).value()) == Values{1, 0, 1, 1, 1, 0});
  CHECK(doubles(gt(a, 1).value()) == Values{0, 1, 1, 0, 0, 0});
}

TEST_CASE("comparisons are constants of the operands' dtype") {
  const Variable x = Variable::leaf(Tensor::from({-1.0f, 1.0f}, {2})), mask = gt(x, 0);
  CHECK(mask.is_constant());
  CHECK(mask.dtype() == DType::float32);
  CHECK(doubles(grad(sum(mask * x), {x})[0].value()) == Values{0, 1});
}

TEST_CASE("where: what is not taken touches neither value nor gradient, at any order") {
  const Variable x = Variable::leaf(Tensor::from({-1.0, 0.0, 4.0}, {3}));
  const Variable y = where(gt(x, 0), sqrt(masked_fill(x, le(x, 0), 1)), x);
  CHECK(doubles(y.value()) == Values{-1, 0, 2});
  const Variable g = grad(sum(y), {x}, {.create_graph = true})[0];
  CHECK(doubles(g.value()) == Values{1, 1, 0.25});
  CHECK(doubles(grad(sum(g), {x})[0].value()) == Values{0, 0, -0.03125});

  const Variable a = Variable::leaf(Tensor::from({1.0, nan, inf}, {3}));
  const Variable b = Variable::leaf(Tensor::from({nan, 2.0, 3.0}, {3}));
  const Variable chosen = where(Tensor::from<std::uint8_t>({1, 0, 0}, {3}), a, b);
  CHECK(doubles(chosen.value()) == Values{1, 2, 3});
  const Variables grads = grad(sum(chosen), {a, b}, {.grad_output = Tensor::scalar(inf, DType::float64)});
  CHECK(doubles(grads[0].value()) == Values{inf, 0, 0});
  CHECK(doubles(grads[1].value()) == Values{0, inf, inf});
}

TEST_CASE("where: a NaN condition is not 0") {
  CHECK(where(Tensor::scalar(nan, DType::float64), Tensor::scalar(1), Tensor::scalar(2)).item() == 1);
}

TEST_CASE("where: a condition that float32 cannot hold is not 0 for that") {
  CHECK(where(Tensor::scalar(1e-300, DType::float64), Tensor::scalar(1), Tensor::scalar(2)).item() == 1);
}

}  // namespace
}  // namespace duel::testing
