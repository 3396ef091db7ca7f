// Reductions at zero, of constants and far from zero.
#include "duel/autograd/reduce.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "duel/autograd/ops.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

using Values = std::vector<double>;

Variable leaf(const Values& v) { return Variable::leaf(Tensor::from(v, {static_cast<std::int64_t>(v.size())})); }

TEST_CASE("the gradient of the norm at zero is zero, and so are those of higher order") {
  for (double p : {1.0, 1.5, 2.0, 3.0, inf}) {
    CAPTURE(p);
    const Variable x = Variable::leaf(Tensor::from({0.0, 0.0, 3.0, 4.0}, {2, 2}));
    const Variable y = norm(x, {1}, {.p = p});
    CHECK(doubles(y.value())[0] == 0);
    const Variable g = grad(sum(y), {x}, {.create_graph = true})[0];
    CHECK(doubles(g.value())[0] == 0);
    CHECK(doubles(g.value())[1] == 0);
    CHECK(doubles(g.value())[3] > 0);
    if (p == 2) {
      CHECK(doubles(y.value())[1] == 5);
      const Values second = doubles(grad(sum(square(g)), {x}, {.allow_unused = true})[0].value());
      CHECK(second[0] == 0);
      CHECK(std::isfinite(second[2]));
    }
  }
}

TEST_CASE("norms of numbers that are tiny, or large") {
  CHECK(norm(leaf({3e-150, 4e-150})).item() == doctest::Approx(5e-150));
  CHECK(norm(leaf({3e150, 4e150})).item() == doctest::Approx(5e150));
  const Variable x = leaf({3e-150, 4e-150});
  CHECK(difference(grad(norm(x), {x})[0].value(), Tensor::from({0.6, 0.8}, {2})) <= tolerance::kClosedForm);
}

TEST_CASE("variance keeps its digits where the mean is large, and is 0 with gradient 0 for constants") {
  const Variable x = leaf({1e8 + 1, 1e8 + 2, 1e8 + 3, 1e8 + 4});
  CHECK(var(x, {0}).item() == doctest::Approx(5.0 / 3).epsilon(tolerance::kClosedForm));
  CHECK(var(x, {0}, {.correction = 0}).item() == doctest::Approx(1.25).epsilon(tolerance::kClosedForm));
  CHECK(stddev(x, {0}).item() == doctest::Approx(std::sqrt(5.0 / 3)).epsilon(tolerance::kClosedForm));
  const Variable constant = leaf({0.1, 0.1, 0.1});
  for (const Variable& y : {var(constant, {0}), stddev(constant, {0})}) {
    CHECK(std::fabs(y.item()) <= tolerance::kBelowOne);
    for (double g : doubles(grad(y, {constant})[0].value())) CHECK(std::isfinite(g));
  }
  const Variable exact = leaf({0.25, 0.25});
  CHECK(stddev(exact, {0}).item() == 0);
  CHECK(doubles(grad(stddev(exact, {0}), {exact})[0].value()) == Values{0, 0});
}

TEST_CASE("amin: ties share the gradient evenly, NaN wins") {
  const Variable x = leaf({2, 1, 1, 3});
  CHECK(doubles(grad(amin(x, {0}), {x})[0].value()) == Values{0, 0.5, 0.5, 0});
  CHECK(std::isnan(amin(leaf({1, std::nan(""), 2}), {0}).item()));
}

TEST_CASE("cumsum: running sums accumulate in double") {
  constexpr std::int64_t n = 100000;
  const Tensor y = cumsum(Tensor::full({n}, 0.1), 0).value();
  CHECK(y.slice(0, n - 1, n).reshape({}).item() == doctest::Approx(10000).epsilon(tolerance::kSumSingle));
  const Variable x = leaf({1, 2, 3});
  CHECK(doubles(grad(sum(cumsum(x, 0)), {x})[0].value()) == Values{3, 2, 1});
}

}  // namespace
}  // namespace duel::testing
