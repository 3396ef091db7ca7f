// Group, instance, layer and pixel normalisation where rounding, memory order or missing variance make it hard.
#include "duel/autograd/group_norm.h"

#include <doctest/doctest.h>

#include <cmath>

#include "duel/autograd/gradcheck.h"
#include "duel/autograd/ops.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

constexpr double kEps = 1e-5;

bool all_finite(const Tensor& t) {
  for (double v : doubles(t))
    if (!std::isfinite(v)) return false;
  return true;
}

// Each normalisation of a feature map [N, C, H, W] by itself.
const std::vector<DifferentiableFunction> kNormalisations = {
    [](const Variables& in) { return group_norm(in[0], 2, {}, {}, kEps); },
    [](const Variables& in) { return instance_norm(in[0], {}, {}, kEps); },
    [](const Variables& in) {
      return layer_norm(in[0], {in[0].size(1), in[0].size(2), in[0].size(3)}, {}, {}, kEps);
    },
    [](const Variables& in) { return layer_norm(in[0], {in[0].size(3)}, {}, {}, kEps); }};

TEST_CASE("a constant input gives 0, and finite gradients of two orders") {
  for (DType dtype : {DType::float32, DType::float64})
    for (const auto& f : kNormalisations) {
      const Variable x = Variable::leaf(Tensor::full({2, 4, 3, 5}, 0.1, {.dtype = dtype}));
      const Variable y = f({x});
      CHECK(difference(y.value(), Tensor::zeros(x.shape(), {.dtype = dtype})) <= tolerance::kSingle);
      Rng rng(1);
      const Tensor g = random_tensor(rng, x.shape()).to(dtype);
      CHECK(all_finite(grad(y, {x}, {.grad_output = g})[0].value()));
      const Variable dx = grad(y, {x}, {.create_graph = true, .grad_output = g})[0];
      CHECK(all_finite(grad(sum(square(dx)), {x})[0].value()));
    }
}

TEST_CASE("a mean far from 0 costs no more than the rounding of the input") {
  Rng rng(2);
  const Tensor small = random_tensor(rng, {2, 4, 8, 8}).to(DType::float32);
  const Variable near = Variable(small), far = near + 64.0;
  const Tensor rounded = (far - 64.0).value();  // what float32 keeps of it
  for (const auto& f : kNormalisations)
    CHECK(difference(f({far}).value(), f({Variable(rounded)}).value()) <= 2 * tolerance::kSingle);
}

TEST_CASE("huge and tiny values") {
  Rng rng(3);
  const Tensor x = random_tensor(rng, {2, 4, 3, 3}).to(DType::float32);
  for (const auto& f : kNormalisations) {
    CHECK(difference(f({Variable(x) * 1e15}).value(), f({Variable(x) * 1e5}).value()) <= tolerance::kSingle);
    const Variable tiny = Variable::leaf((Variable(x) * 1e-40).value());  // denormal
    CHECK(all_finite(f({tiny}).value()));
    CHECK(all_finite(grad(sum(square(f({tiny}))), {tiny})[0].value()));
  }
}

TEST_CASE("gain 0 stops x's gradient and not gain's") {
  Rng rng(4);
  const Variable x = Variable::leaf(random_tensor(rng, {2, 4, 3, 2}));
  const Variable gain = Variable::leaf(Tensor::zeros({4}, {.dtype = DType::float64}));
  const Variable bias = Variable::leaf(random_tensor(rng, {4}));
  const Tensor g = random_tensor(rng, x.shape());
  for (const Variable& y : {group_norm(x, 2, gain, bias, kEps), instance_norm(x, gain, bias, kEps)}) {
    const Variables grads = grad(y, {x, gain, bias}, {.grad_output = g});
    CHECK(difference(grads[0].value(), Tensor::zeros_like(x.value())) == 0);
    CHECK(inner_product(grads[1].value(), grads[1].value()) > 0.1);
    CHECK(difference(grads[2].value(), sum(Variable(g), {0, 2, 3}).value()) <= tolerance::kReference);
  }
}

TEST_CASE("no channels and no samples have empty gradients of any order") {
  for (const Shape& shape : {Shape{2, 0, 3, 3}, Shape{0, 2, 3, 3}}) {
    const Variable x = Variable::leaf(Tensor::zeros(shape));
    const Variable g = grad(sum(instance_norm(x, {}, {}, kEps)), {x}, {.create_graph = true})[0];
    CHECK(grad(sum(square(g)), {x})[0].shape() == shape);
  }
}

TEST_CASE("NaN stays within its group") {
  Tensor x = Tensor::full({2, 4, 3, 3}, 1);
  x.slice(0, 0, 1).slice(1, 1, 2).fill_(NAN);
  const std::vector<double> y = doubles(group_norm(x, 2, {}, {}, kEps).value());
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i < 2 * 9));
}

TEST_CASE("channels-last data are normalised where they lie") {
  Rng rng(5);
  const Tensor x = random_tensor(rng, {2, 3, 4, 5}).channels_last();
  const Tensor whole = layer_norm(x, {3, 4, 5}, {}, {}, kEps).value();
  CHECK(whole.is_channels_last());
  CHECK(instance_norm(x, {}, {}, kEps).value().is_channels_last());
  CHECK(difference(whole, layer_norm(x.row_major(), {3, 4, 5}, {}, {}, kEps).value()) <= tolerance::kLayout);
}

TEST_CASE("instance_norm's moments are the samples' mean statistics") {
  const Tensor x = Tensor::from<double>({1, 3, 10, 10, 5, 9, 10, 14}, {2, 2, 2});
  BatchMoments moments;
  instance_norm(x, {}, {}, kEps, {}, &moments);
  CHECK(moments.count == 2);
  CHECK(moments.mean.to_vector<double>() == std::vector<double>{4.5, 11});
  CHECK(moments.var.to_vector<double>() == std::vector<double>{2.5, 2});
}

TEST_CASE("pixel_norm gives every pixel the same length") {
  Rng rng(6);
  const Variable y = pixel_norm(random_tensor(rng, {2, 7, 3, 3}), 0);
  CHECK(difference(mean(square(y), {1}).value(), Tensor::full({2, 3, 3}, 1, {.dtype = DType::float64})) <=
        tolerance::kClosedForm);
  const Variable zero = Variable::leaf(Tensor::zeros({1, 3, 1, 1}));
  CHECK(all_finite(grad(sum(pixel_norm(zero, 1e-8)), {zero})[0].value()));
}

// As batch normalisation's: a gain that depends on x must not have that path counted twice.
TEST_CASE("adaptive_instance_norm whose style depends on x has right gradients to order 3") {
  Rng rng(7);
  const auto f = [](const Variables& in) {
    const Variable summary = mean(in[0], {2, 3});
    return adaptive_instance_norm(in[0], 1 + tanh(matmul(summary, in[1])), matmul(summary, in[2]), 1e-2);
  };
  CHECK_NOTHROW(expect_gradients(
      "self-styled", f, {random_tensor(rng, {3, 2, 2, 3}), random_tensor(rng, {2, 2}), random_tensor(rng, {2, 2})},
      {.max_order = 3, .tolerances = {std::begin(tolerance::kGradcheck), std::end(tolerance::kGradcheck)}}));
}

}  // namespace
}  // namespace duel::testing
