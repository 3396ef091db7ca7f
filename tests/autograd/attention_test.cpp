// Attention's memory, its extremes, and where it must agree with what it is made of.
#include "duel/autograd/attention.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "duel/autograd/gradcheck.h"
#include "duel/autograd/ops.h"
#include "duel/tensor/allocator.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

Variable composite(const Variable& q, const Variable& k, const Variable& v, double scale) {
  return matmul(softmax(matmul(q, transpose(k, -2, -1)) * scale, -1), v);
}

TEST_CASE("memory does not grow with the product of token counts") {
  constexpr std::int64_t kTokens = 4096, kChannels = 32;
  Rng rng(1);
  const Variable q = Variable::leaf(rng.normal({1, kTokens, kChannels})),
                 k = Variable::leaf(rng.normal({1, kTokens, kChannels})),
                 v = Variable::leaf(rng.normal({1, kTokens, kChannels}));
  const Tensor g = rng.normal({1, kTokens, kChannels});
  reset_peak_memory(Device::cpu);
  const std::size_t before = memory_stats(Device::cpu).live;
  const Variables grads = grad(scaled_dot_product_attention(q, k, v), {q, k, v}, {.grad_output = g});
  const std::size_t more = memory_stats(Device::cpu).peak - before;
  CHECK(more < kTokens * kTokens * sizeof(float) / 4);
  CHECK(grads[0].shape() == q.shape());
}

TEST_CASE("many tiles and parts agree with the composite") {
  Rng rng(2);
  for (DType dtype : {DType::float32, DType::float64}) {
    const Variable q = Variable::leaf(random_tensor(rng, {2, 331, 13}).to(dtype)),
                   k = Variable::leaf(random_tensor(rng, {2, 401, 13}).to(dtype)),
                   v = Variable::leaf(random_tensor(rng, {2, 401, 37}).to(dtype));
    const Tensor g = random_tensor(rng, {2, 331, 37}).to(dtype);
    const Variable y = scaled_dot_product_attention(q, k, v, 1), expected = composite(q, k, v, 1);
    const double tolerance = dtype == DType::float32 ? tolerance::kSingle : tolerance::kFused;
    CHECK(difference(y.value(), expected.value()) <= tolerance);
    const Variables a = grad(y, {q, k, v}, {.grad_output = g}), b = grad(expected, {q, k, v}, {.grad_output = g});
    for (std::size_t i = 0; i < 3; ++i) CHECK(difference(a[i].value(), b[i].value()) <= tolerance);
  }
}

TEST_CASE("very large scores pick their key") {
  // Query t's largest score, by far, is with key t.
  constexpr std::int64_t kTokens = 150;
  std::vector<float> q, k;
  for (std::int64_t t = 0; t < kTokens; ++t) {
    const double angle = 6.28318530718 * static_cast<double>(t) / kTokens;
    for (double c : {std::cos(angle), std::sin(angle)}) {
      q.push_back(static_cast<float>(1e4 * c));
      k.push_back(static_cast<float>(3 * c));
    }
  }
  Rng rng(3);
  const Variable qs = Variable::leaf(Tensor::from(q, {1, kTokens, 2})),
                 ks = Variable::leaf(Tensor::from(k, {1, kTokens, 2})),
                 vs = Variable::leaf(rng.normal({1, kTokens, 5}));
  const Variable y = scaled_dot_product_attention(qs, ks, vs, 1);
  CHECK(difference(y.value(), vs.value()) <= tolerance::kClosedFormSingle);
  const Variables grads = grad(sum(square(y)), {qs, ks, vs});
  for (const Variable& g : grads)
    for (double d : doubles(g.value())) CHECK(std::isfinite(d));
  CHECK(difference(grads[2].value(), (2 * vs).value()) <= tolerance::kClosedFormSingle);
}

TEST_CASE("equal keys share: the mean of the values") {
  Rng rng(4);
  const Tensor v = random_tensor(rng, {2, 300, 3});
  const Tensor q = random_tensor(rng, {2, 5, 4}), k = Tensor::full({2, 300, 4}, 0.5, {.dtype = DType::float64});
  const Variable y = scaled_dot_product_attention(q, k, v);
  CHECK(difference(y.value(), expand(mean(Variable(v), {1}, KeepDims::yes), {2, 5, 3}).value()) <=
        tolerance::kClosedForm);
}

TEST_CASE("keys of -inf are not looked at, wherever they lie; NaN stays in its query") {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  Rng rng(5);
  const Tensor q = Tensor::full({1, 2, 1}, 1, {.dtype = DType::float64}), v = random_tensor(rng, {1, 300, 3});
  const Tensor k = Tensor::full({1, 300, 1}, -kInf, {.dtype = DType::float64});
  k.slice(1, 200, 202).fill_(0);  // in the second tile of keys
  const Tensor expected = mean(slice(Variable(v), 1, 200, 202), {1}, KeepDims::yes).value();
  CHECK(difference(scaled_dot_product_attention(q, k, v, 1).value(), expected.expand({1, 2, 3}).clone()) <=
        tolerance::kClosedForm);
  const Tensor wrong = Tensor::from<double>({1, NAN}, {1, 2, 1});
  const std::vector<double> y = doubles(scaled_dot_product_attention(wrong, Tensor::zeros_like(k), v, 1).value());
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i >= 3));
}

TEST_CASE("gradients whose inputs depend on each other: self-attention to order 3") {
  Rng rng(6);
  const auto f = [](const Variables& in) {
    return scaled_dot_product_attention(matmul(in[0], in[1]), tanh(matmul(in[0], in[2])), in[0]);
  };
  CHECK_NOTHROW(expect_gradients(
      "self-attention", f, {random_tensor(rng, {2, 5, 3}), random_tensor(rng, {3, 4}), random_tensor(rng, {3, 4})},
      {.max_order = 3, .tolerances = {std::begin(tolerance::kGradcheck), std::end(tolerance::kGradcheck)}}));
}

}  // namespace
}  // namespace duel::testing
