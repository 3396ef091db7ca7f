// PyTorch's values, gradients and double gradients (tests/golden/operations/*.json) against the op table's functions.
#include <doctest/doctest.h>

#include "tests/autograd/golden.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

const Case* find_case(const GoldenCase& g) {
  for (const Row& row : op_table())
    for (const Case& c : row.cases)
      if (row.name == g.operation && c.label == g.label) return &c;
  return nullptr;
}

// Value, gradients, and the gradients of sum_i <grads_i, directions_i> for the inputs and the cotangent.
struct Replayed {
  Tensor output;
  Variables grads, double_grads;
};

Replayed replay(const Case& c, const GoldenCase& g, DType dtype) {
  Variables xs;
  for (const Tensor& x : g.inputs) xs.push_back(Variable::leaf(x.to(dtype)));
  const Variable cotangent = Variable::leaf(g.cotangent.to(dtype));
  const Variable y = c.f(xs);
  Replayed r{y.value(), grad(y, xs, {.create_graph = true, .allow_unused = true, .grad_output = cotangent}), {}};
  Variable s = Tensor::scalar(0, dtype);
  for (std::size_t i = 0; i < xs.size(); ++i) s = s + sum(r.grads[i] * g.directions[i].to(dtype));
  xs.push_back(cotangent);
  r.double_grads = grad(s, xs, {.allow_unused = true});
  return r;
}

void check_golden(DType dtype, double tolerance) {
  for (const GoldenCase& g : golden_cases()) {
    INFO(g.operation, ", ", g.label);
    const Case* c = find_case(g);
    REQUIRE_MESSAGE(c, "the op table has no such case");
    const Replayed r = replay(*c, g, dtype);
    CHECK(difference(r.output, g.output) <= tolerance);
    REQUIRE(r.grads.size() == g.grads.size());
    REQUIRE(r.double_grads.size() == g.double_grads.size());
    for (std::size_t i = 0; i < g.grads.size(); ++i) CHECK(difference(r.grads[i].value(), g.grads[i]) <= tolerance);
    for (std::size_t i = 0; i < g.double_grads.size(); ++i) {
      CAPTURE(i);
      CHECK(difference(r.double_grads[i].value(), g.double_grads[i]) <= tolerance);
    }
  }
}

TEST_CASE("float64 gives PyTorch's values, gradients and double gradients") {
  CHECK(golden_cases().size() > 90);
  check_golden(DType::float64, tolerance::kGolden);
}

TEST_CASE("float32 gives them to its precision") { check_golden(DType::float32, tolerance::kGoldenSingle); }

}  // namespace
}  // namespace duel::testing
