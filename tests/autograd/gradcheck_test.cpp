// gradcheck finds wrong gradients, and only those.
#include "duel/autograd/gradcheck.h"

#include <doctest/doctest.h>

#include "duel/autograd/ops.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<Tensor> inputs(std::initializer_list<Shape> shapes) {
  Rng rng(3);
  std::vector<Tensor> all;
  for (const Shape& shape : shapes) all.push_back(random_tensor(rng, shape));
  return all;
}

// x^2, whose gradient is `scale` times too large.
Variable wrong_square(const Variable& x, double scale) {
  return record("wrong_square", {x}, square(x.detach()).value(),
                [x, scale](const Backward& b) -> Variables { return {2 * scale * b.grad * x}; });
}

// x^3, whose first gradient is right but does not depend on x.
Variable detached_cube(const Variable& x) {
  return record("detached_cube", {x}, pow(x.detach(), 3).value(),
                [x](const Backward& b) -> Variables { return {3 * b.grad * square(x.detach())}; });
}

TEST_CASE("right gradients pass at every order, in both modes") {
  const auto f = [](const Variables& x) { return exp(x[0]) * x[1] / (square(x[1]) + 1); };
  for (const GradcheckMode mode : {GradcheckMode::random_direction, GradcheckMode::full_jacobian}) {
    const GradcheckResult r = expect_gradients("f", f, inputs({{2, 3}, {3}}), {.max_order = 3, .mode = mode});
    CHECK(r.entries.size() == 9);  // three orders, jointly and for each of two inputs
    CHECK(r.max_error(1) > 0);
    CHECK(r.max_error(1) < tolerance::kGradcheck[0]);
    CHECK(r.max_error(4) == 0);
  }
}

TEST_CASE("a gradient off by one in a hundred thousand is found and reported") {
  const auto f = [](const Variables& x) { return x[0] + wrong_square(x[1], 1.00001); };
  for (const GradcheckMode mode : {GradcheckMode::random_direction, GradcheckMode::full_jacobian}) {
    const std::string error = error_of([&] { expect_gradients("my_op", f, inputs({{3}, {3}}), {.mode = mode}); });
    CHECK(contains(error, "my_op, order 1, all inputs jointly: finite differences give "));
    CHECK(contains(error, ", grad gives "));
  }
  const GradcheckResult r = gradcheck(f, inputs({{3}, {3}}));
  for (const GradcheckEntry& e : r.entries)
    if (e.order == 1) CHECK((e.error > tolerance::kGradcheck[0]) == (e.input != 0));
}

TEST_CASE("a missing second derivative is found") {
  const auto f = [](const Variables& x) { return detached_cube(x[0]); };
  CHECK(gradcheck(f, inputs({{3}})).max_error(1) < tolerance::kGradcheck[0]);
  CHECK(contains(error_of([&] { expect_gradients("cube", f, inputs({{3}})); }), "cube, order 2"));
  CHECK(contains(error_of([&] { expect_gradients("cube", f, inputs({{3}}), {.mode = GradcheckMode::full_jacobian}); }),
                 "order 2"));
}

TEST_CASE("a gradient that is wrong only when it is recorded is found") {
  const auto f = [](const Variables& x) {
    return record("two-faced", {x[0]}, square(x[0].detach()).value(),
                  [x = x[0]](const Backward& b) -> Variables { return {(is_recording() ? 3 : 2) * b.grad * x}; });
  };
  for (const GradcheckMode mode : {GradcheckMode::random_direction, GradcheckMode::full_jacobian})
    CHECK(contains(error_of([&] { expect_gradients("f", f, inputs({{3}}), {.mode = mode}); }),
                   "grad with create_graph gives "));
}

TEST_CASE("a gradient of NaN is an error") {
  const auto f = [](const Variables& x) {
    return record("nan", {x[0]}, x[0].value(), [](const Backward& b) -> Variables { return {log(-square(b.grad))}; });
  };
  CHECK(!error_of([&] { expect_gradients("nan", f, inputs({{3}}), {.max_order = 1}); }).empty());
}

TEST_CASE("integer inputs are passed on, float32 ones refused") {
  const Tensor labels = Tensor::from<std::int64_t>({1, 0, 1}, {3});
  const auto f = [](const Variables& x) { return square(embedding(x[0], x[1].value())); };
  const GradcheckResult r = gradcheck(f, {inputs({{2, 2}})[0], labels});
  CHECK(r.entries.size() == 2);
  CHECK(r.max_error(2) < tolerance::kGradcheck[1]);
  CHECK(contains(error_of([&] { gradcheck(f, {Tensor::zeros({2, 2}), labels}); }), "float32[2, 2]"));
  CHECK(contains(error_of([&] { gradcheck(f, {labels}); }), "at least one float64"));
}

TEST_CASE("a function with a will of its own is refused") {
  Rng rng(1);
  const auto f = [&rng](const Variables& x) { return dropout(x[0], 0.5, rng); };
  CHECK(contains(error_of([&] { gradcheck(f, inputs({{20}})); }), "another value when called again"));
}

TEST_CASE("gradcheck works with recording off outside") {
  const NoGrad no_grad;
  CHECK(gradcheck([](const Variables& x) { return square(x[0]); }, inputs({{3}})).max_error(2) <
        tolerance::kGradcheck[0]);
}

}  // namespace
}  // namespace duel::testing
