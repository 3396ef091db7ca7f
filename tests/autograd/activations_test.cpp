// Activations and pointwise operations where formulas cancel, overflow or have a kink.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "duel/autograd/ops.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

using Function = std::function<Variable(const Variable&)>;

// Value, derivative and second derivative at x.
struct Jet {
  double value, first, second;
};

Jet jet(const Function& f, double at, DType dtype = DType::float64) {
  const Variable x = Variable::leaf(Tensor::scalar(at, dtype)), y = f(x);
  const Variable dx = grad(y, {x}, {.create_graph = true})[0];
  return {y.item(), dx.item(), grad(dx, {x}, {.allow_unused = true})[0].item()};
}

const Function kGelu = [](const Variable& x) { return gelu(x); };
const Function kGeluTanh = [](const Variable& x) { return gelu(x, GeluForm::tanh); };

TEST_CASE("silu and gelu have their limits at infinity, at every order") {
  for (const Function& f : {Function(silu), kGelu, kGeluTanh})
    for (DType dtype : {DType::float32, DType::float64}) {
      for (double x : {-inf, -1e30, -2000.0}) {
        CAPTURE(x);
        const Jet j = jet(f, x, dtype);
        CHECK(j.value == 0);
        CHECK(j.first == 0);
        CHECK(j.second == 0);
      }
      for (double x : {inf, 0x1p100, 2048.0}) {
        CAPTURE(x);
        const Jet j = jet(f, x, dtype);
        CHECK(j.value == x);
        CHECK(j.first == 1);
        CHECK(j.second == 0);
      }
      CHECK(std::isnan(jet(f, nan, dtype).value));
    }
}

TEST_CASE("gelu keeps its digits in the negative tail") {
  // x Phi(x) at -10, where 1 + erf(x / sqrt(2)) has none left.
  CHECK(jet(kGelu, -10).value == doctest::Approx(-7.6198530241604696e-23).epsilon(tolerance::kClosedForm));
  CHECK(jet(silu, -100).value == doctest::Approx(-100 * std::exp(-100.0)).epsilon(tolerance::kClosedForm));
}

TEST_CASE("elu, selu: exact for small x, saturated for large negative x, and alpha at 0") {
  const Function f = [](const Variable& x) { return elu(x, 0.5); };
  CHECK(jet(f, -1e-20).value == -0.5e-20);
  CHECK(jet(f, 0).first == 0.5);
  for (double x : {-1e300, -inf}) {
    const Jet j = jet(f, x);
    CHECK(j.value == -0.5);
    CHECK(j.first == 0);
    CHECK(j.second == 0);
  }
  for (double x : {1e300, inf}) {
    const Jet j = jet(f, x);
    CHECK(j.value == x);
    CHECK(j.first == 1);
    CHECK(j.second == 0);
  }
  CHECK(jet(selu, 0).first == doctest::Approx(1.0507009873554805 * 1.6732632423543772));
}

TEST_CASE("softplus with beta does not overflow") {
  const Function f = [](const Variable& x) { return softplus(x, 3); };
  CHECK(jet(f, 1000).value == doctest::Approx(1000));
  CHECK(jet(f, 1000).first == 1);
  CHECK(jet(f, -1000).value == 0);
  CHECK(jet(f, -20).value == doctest::Approx(std::exp(-60.0) / 3).epsilon(tolerance::kClosedForm));
}

TEST_CASE("at the bounds the gradient of clamp is 1 and that of hardtanh 0") {
  for (double x : {-1.0, 1.0}) {
    CHECK(jet([](const Variable& v) { return clamp(v, -1, 1); }, x).first == 1);
    CHECK(jet([](const Variable& v) { return hardtanh(v); }, x).first == 0);
  }
  CHECK(jet([](const Variable& v) { return hardtanh(v); }, 0.999).first == 1);
  CHECK(std::isnan(jet([](const Variable& v) { return hardtanh(v); }, nan).value));
}

TEST_CASE("rounding is to even, and steps have gradient 0") {
  const Tensor x = Tensor::from({-1.5, -0.5, 0.5, 1.5, 2.5, -0.2}, {6});
  CHECK(doubles(round(x).value()) == std::vector<double>{-2, 0, 0, 2, 2, 0});
  CHECK(doubles(floor(x).value()) == std::vector<double>{-2, -1, 0, 1, 2, -1});
  CHECK(doubles(ceil(x).value()) == std::vector<double>{-1, 0, 1, 2, 3, 0});
  const Variable v = Variable::leaf(x);
  CHECK(doubles(grad(sum(floor(v) + ceil(v) + round(v)), {v})[0].value()) == std::vector<double>(6, 0.0));
}

TEST_CASE("expm1 is exact for small x") {
  CHECK(expm1(Tensor::scalar(1e-20, DType::float64)).item() == 1e-20);
  CHECK(jet(expm1, -inf).first == 0);
}

struct Power {
  double base, exponent, value, base_gradient, exponent_gradient;
};

TEST_CASE("pow of two variables, where a factor of the gradient is 0 or infinite") {
  for (const Power& p : std::vector<Power>{{0, 0, 1, 0, 0},
                                           {0, 2, 0, 0, 0},
                                           {0, 1, 0, 1, 0},
                                           {0, 0.5, 0, inf, 0},
                                           {2, 0, 1, 0, std::log(2)},
                                           {-2, 3, -8, 12, nan},
                                           {-2, 0.5, nan, nan, nan}}) {
    CAPTURE(p.base);
    CAPTURE(p.exponent);
    const Variable a = Variable::leaf(Tensor::scalar(p.base, DType::float64));
    const Variable b = Variable::leaf(Tensor::scalar(p.exponent, DType::float64));
    const Variable y = pow(a, b);
    const Variables g = grad(y, {a, b});
    const auto same = [](double x, double wanted) { return x == wanted || (std::isnan(x) && std::isnan(wanted)); };
    CHECK(same(y.item(), p.value));
    CHECK(same(g[0].item(), p.base_gradient));
    CHECK(same(g[1].item(), p.exponent_gradient));
  }
}

}  // namespace
}  // namespace duel::testing
