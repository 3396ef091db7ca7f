// DetectAnomaly: the first NaN or infinity is found, forward and backward, and what is said about it.
#include "duel/autograd/detect_anomaly.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "duel/autograd/ops.h"
#include "tests/support/tensors.h"

namespace duel::testing {

// Exported, not inlined, and with something left to do after the root: so it is found in call stacks.
[[gnu::noinline]] Variable doubled_root(const Variable& x) {
  const Variable root = sqrt(x);
  return root + root;
}

namespace {

void check_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    CHECK_MESSAGE(message.find(part) != std::string::npos, message, "\nwithout ", part);
}

Variable leaf(std::vector<float> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return Variable::leaf(Tensor::from(values, {n}));
}

TEST_CASE("forward: log(0), on variables and on constants") {
  for (const Variable& x : {leaf({1, 0, 2}), leaf({1, 0, 2}).detach()}) {
    const DetectAnomaly detect;
    check_parts(error_of([&] { static_cast<void>(log(x)); }),
                {"detect_anomaly: 'log' gave float32[3]: 0 NaN and 1 infinite of 3 elements",
                 "input 0  float32[3]: all finite", "its gradient is written at duel/autograd/"});
  }
}

TEST_CASE("forward: inf - inf, with what came in") {
  const float inf = std::numeric_limits<float>::infinity();
  const Variable a = leaf({inf, 1}), b = leaf({inf, inf});
  const DetectAnomaly detect;
  check_parts(error_of([&] { static_cast<void>(a - b); }),
              {"'sub' gave float32[2]: 1 NaN and 1 infinite of 2", "input 0  float32[2]: 0 NaN and 1 infinite of 2",
               "input 1  float32[2]: 0 NaN and 2 infinite of 2"});
}

TEST_CASE("backward: sqrt at 0, with the place that built it") {
  const Variable x = leaf({0, 1, 0});
  const DetectAnomaly detect;
  const Variable y = sum(doubled_root(x));
  const std::string message = error_of([&] { grad(y, {x}); });
  check_parts(message,
              {"detect_anomaly:", "2 infinite of 3", "in the gradient of 'sqrt' float32[3], written at duel/"});
#ifdef __GLIBC__
  check_parts(message, {"which was recorded by\n", "duel::testing::doubled_root(duel::Variable const&)"});
#endif
}

TEST_CASE("backward: a gradient function that runs no operation, and one recorded before") {
  const Variable x = leaf({1, 2});
  const Variable y = record("broken", {x}, x.value(), [](const Backward& b) -> Variables {
    return {Tensor::full(b.grad.shape(), std::nan(""))};
  });
  const DetectAnomaly detect;
  const std::string message = error_of([&] { grad(y, {x}, {.grad_output = Tensor::full({2}, 1)}); });
  check_parts(message, {"detect_anomaly: the gradient of 'broken' for its input 0 is float32[2]: 2 NaN and 0 infinite",
                        "the gradient that came in  float32[2]: all finite", "detect_anomaly_test.cpp"});
  CHECK(message.find("recorded by") == std::string::npos);  // not recorded under the guard
}

TEST_CASE("inside double backward") {
  // x^1.5 has the gradient 1.5 x^0.5, 0 at 0; its gradient is infinite there.
  const Variable x = leaf({0, 1});
  const DetectAnomaly detect;
  const Variable g = grad(sum(pow(x, 1.5)), {x}, {.create_graph = true})[0];
  CHECK(g.value().to_vector<float>()[0] == 0);
  check_parts(error_of([&] { grad(sum(g), {x}); }), {"detect_anomaly:", "1 infinite of 2", "in the gradient of 'pow'"});
}

TEST_CASE("healthy graphs pass, to the same bits; other types and empty tensors too") {
  Rng rng(1);
  const Variable x = Variable::leaf(rng.normal({2, 3, 4, 5}));
  const auto run = [&] {
    const Variable g = grad(sum(exp(x * x)), {x}, {.create_graph = true})[0];
    return grad(sum(square(g)), {x})[0].value().to_vector<float>();
  };
  const std::vector<float> plain = run();
  const DetectAnomaly detect;
  CHECK(run() == plain);
  static_cast<void>(log(Variable::leaf(Tensor::zeros({0, 2}))));
  static_cast<void>(sum(transpose(Variable::leaf(Tensor::full({2, 3}, 1e30)), 0, 1)));
}

TEST_CASE("guards nest, go, and survive what they throw") {
  const Variable zero = leaf({0});
  {
    const DetectAnomaly outer;
    {
      const DetectAnomaly inner;
      CHECK_THROWS_AS(static_cast<void>(log(zero)), Error);
      CHECK_THROWS_AS(static_cast<void>(log(zero)), Error);  // again: it still watches
    }
    CHECK_THROWS_AS(static_cast<void>(log(zero)), Error);
  }
  CHECK(std::isinf(log(zero).item()));
  CHECK(std::isinf(grad(sqrt(zero), {zero})[0].item()));
  CHECK(zero.node()->call_stack().empty());
  CHECK(exp(zero).node()->call_stack().empty());
}

}  // namespace
}  // namespace duel::testing
