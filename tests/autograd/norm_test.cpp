// Batch normalisation where it is hardest: inside functions whose gain and bias depend on its input.
#include "duel/autograd/norm.h"

#include <doctest/doctest.h>

#include "duel/autograd/gradcheck.h"
#include "duel/autograd/ops.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

constexpr double kEps = 1e-2;

// Gain and bias of each sample are made from its own mean, as class-conditional ones are from its label. A gradient of
// the composite that went through the gain to x would count that path twice.
Variable self_conditional(const Variables& in) {
  const Variable& x = in[0];
  const Variable summary = mean(x, {2, 3});
  return batch_norm(x, 1 + tanh(matmul(summary, in[1])), matmul(summary, in[2]), kEps);
}

std::vector<Tensor> self_conditional_inputs() {
  Rng rng(5);
  return {random_tensor(rng, {3, 2, 2, 3}), random_tensor(rng, {2, 2}), random_tensor(rng, {2, 2})};
}

GradcheckOptions to_order(int order) {
  return {.max_order = order, .tolerances = {std::begin(tolerance::kGradcheck), std::end(tolerance::kGradcheck)}};
}

TEST_CASE("batch_norm whose gain and bias depend on x has right gradients to order 3") {
  CHECK_NOTHROW(expect_gradients("self-conditional", self_conditional, self_conditional_inputs(), to_order(3)));
  const auto penalty = [](const Variables& in) {
    const Variable y = sum(square(tanh(self_conditional(in))));
    return sum(square(grad(y, {in[0]}, {.create_graph = true})[0]));
  };
  CHECK_NOTHROW(expect_gradients(
      "its gradient penalty",
      [&](const Variables& in) {
        Variables leaves = in;  // grad() needs x to be a variable, even where gradcheck makes it a constant
        if (in[0].is_constant()) leaves[0] = Variable::leaf(in[0].value());
        return penalty(leaves);
      },
      self_conditional_inputs(), to_order(2)));
}

TEST_CASE("two batch_norms in a row, to order 3") {
  const auto f = [](const Variables& in) {
    const Variable h = leaky_relu(batch_norm(in[0], in[1], in[2], kEps));
    return batch_norm(h * in[1], in[1], {}, kEps);
  };
  Rng rng(6);
  CHECK_NOTHROW(expect_gradients(
      "two", f, {random_tensor(rng, {5, 3}), random_tensor(rng, {3}, {.low = 0.5}), random_tensor(rng, {3})},
      to_order(3)));
}

TEST_CASE("the fused first gradient is that of the recorded composite") {
  Rng rng(8);
  const Variable x = Variable::leaf(random_tensor(rng, {4, 3, 5, 2}));
  const Variable gain = Variable::leaf(random_tensor(rng, {3})), bias = Variable::leaf(random_tensor(rng, {3}));
  const Variable y = sum(square(batch_norm(x, gain, bias, kEps)));
  const Variables fused = grad(y, {x, gain, bias}), recorded = grad(y, {x, gain, bias}, {.create_graph = true});
  for (std::size_t i = 0; i < fused.size(); ++i)
    CHECK(difference(fused[i].value(), recorded[i].value()) < tolerance::kFused);
}

TEST_CASE("moments are the batch's, with the biased variance") {
  const Tensor x = Tensor::from<double>({1, 10, 3, 10, 5, 10, 7, 14}, {4, 2});
  BatchMoments moments;
  batch_norm(x, {}, {}, kEps, {}, &moments);
  CHECK(moments.count == 4);
  CHECK(moments.mean.to_vector<double>() == std::vector<double>{4, 11});
  CHECK(moments.var.to_vector<double>() == std::vector<double>{5, 3});
}

TEST_CASE("cast converts values there and gradients back, to any order") {
  const Variable x = Variable::leaf(Tensor::from<float>({1.5F, -2, 0.25F}, {3}));
  const Variable y = cast(x, DType::float64);
  CHECK(y.dtype() == DType::float64);
  const Variable g = grad(sum(y * y * y), {x}, {.create_graph = true})[0];
  CHECK(g.value().to_vector<float>() == std::vector<float>{6.75F, 12, 0.1875F});
  const Variable total = sum(g);  // a temporary would be consumed, and the cast with it
  CHECK(grad(total, {x})[0].value().to_vector<float>() == std::vector<float>{9, -12, 1.5F});
  // <cast x, c> = <x, cast' c>: exact, as c is representable in float32.
  const Tensor c = Tensor::from<double>({0.5, 0.25, 3}, {3});
  const Tensor back = grad(y, {x}, {.grad_output = c})[0].value();
  CHECK(back.dtype() == DType::float32);
  CHECK(inner_product(y.value(), c) == inner_product(x.value(), back));
}

TEST_CASE("ties share the gradient of maxima") {
  const Variable a = Variable::leaf(Tensor::from<double>({1, 2, 3}, {3}));
  const Variable b = Variable::leaf(Tensor::from<double>({1, 3, 2}, {3}));
  for (const Variable& y : {maximum(a, b), minimum(a, b)}) {
    const Variables g = grad(sum(y), {a, b});
    CHECK(g[0].value().to_vector<double>()[0] == 0.5);
    CHECK(g[1].value().to_vector<double>()[0] == 0.5);
  }
  const Variable x = Variable::leaf(Tensor::from<double>({4, 1, 4, 4}, {4}));
  CHECK(difference(grad(sum(amax(x, {0})), {x})[0].value(), Tensor::from<double>({1.0 / 3, 0, 1.0 / 3, 1.0 / 3}, {4})) <
        tolerance::kReference);
}

TEST_CASE("one_hot") {
  const Tensor rows = one_hot(Tensor::from<std::int64_t>({2, 0}, {2}), 3);
  CHECK(rows.to_vector<float>() == std::vector<float>{0, 0, 1, 1, 0, 0});
  CHECK(one_hot(Tensor::zeros({0}, {.dtype = DType::int64}), 3).shape() == Shape{0, 3});
  CHECK(one_hot(Tensor::from<std::int64_t>({1}, {1}), 2, DType::int64).to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{0, 1});
  CHECK(one_hot(Tensor::zeros({2}, {.dtype = DType::int64}), 1000000).shape() == Shape{2, 1000000});  // not squared
}

}  // namespace
}  // namespace duel::testing
