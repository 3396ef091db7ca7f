// Path length, orthogonality, LeCam and consistency: closed forms, what the published programs compute, and finite
// differences.
#include <doctest/doctest.h>

#include <cmath>

#include "duel/gan/penalties.h"
#include "duel/nn/init.h"
#include "duel/nn/layers.h"
#include "tests/golden/losses.h"

using namespace duel;
using namespace duel::testing;

namespace {

Variable column(std::initializer_list<double> values) {
  return Tensor::from<double>(values, {static_cast<std::int64_t>(values.size()), 1});
}

// The generator of make_golden_losses.py, which sees the sum of two latents [N, 2, 4], as a function of its weights.
Variable generate(const Variable& latents, const Variables& w) {
  const Variable h = softplus(linear(sum(latents, {1}), w[0], w[1]));
  return tanh(
      conv_transpose2d(reshape(h, {latents.size(0), 3, 2, 2}), w[2], w[3], {.stride = {2, 2}, .padding = {1, 1}}));
}

std::vector<Tensor> generator_weights() {
  std::vector<Tensor> weights;
  for (const Shape& shape : {Shape{12, 4}, {12}, {3, 2, 4, 4}, {2}})
    weights.push_back(numbers(shape, 1 + weights.size()));
  return weights;
}

Variables leaves(const std::vector<Tensor>& tensors) {
  Variables all;
  for (const Tensor& t : tensors) all.push_back(Variable::leaf(t));
  return all;
}

Tensor joined(const Variables& parts) {
  Variables flat;
  for (const Variable& v : parts) flat.push_back(reshape(v, {v.numel()}));
  return concat(flat, 0).value();
}

}  // namespace

TEST_CASE("path length: three calls are stylegan2-ada-pytorch's, gradients and running mean too") {
  const Variables weights = leaves(generator_weights());
  PathLengthPenalty penalty{.decay = 0.3};
  Rng rng(7);
  for (int call = 0; call < 3; ++call) {
    const Golden golden = golden_loss(cat("path length ", call));
    const Variable latents = Variable::leaf(numbers({3, 2, 4}, 100 + static_cast<std::uint64_t>(call)));
    const Variable value = penalty(generate(latents, weights), latents, rng);
    CHECK(golden.difference_of("value", value.value()) <= tolerance::kGolden);
    CHECK(golden.difference_of("mean", penalty.mean) <= tolerance::kGolden);
    CHECK(golden.difference_of("grad", joined(grad(value, weights))) <= tolerance::kGolden);
  }
  CHECK(state_dict(penalty).at("mean").item() == penalty.mean.item());
}

TEST_CASE("path length of a linear generator: |A' y|, and once the mean has settled no penalty at all") {
  // One pixel of C channels: y ~ N(0, 1) in [N, C, 1, 1], pictures = A z.
  const Variable a = numbers({3, 2}, 1), z = Variable::leaf(numbers({5, 2}, 2));
  const auto pictures = [&] { return reshape(linear(z, a), {5, 3, 1, 1}); };
  PathLengthPenalty penalty{.decay = 1};
  Rng rng(3), same(3);
  const double value = penalty(pictures(), z, rng).item();
  const Variable y = same.normal({5, 3}, 0, 1, {.dtype = DType::float64});
  const Variable lengths = norm(matmul(y, a), {1});
  CHECK(penalty.mean.item() == doctest::Approx(mean(lengths).item()));
  CHECK(value == doctest::Approx(var(lengths, {0}, {.correction = 0}).item()));
  CHECK(rng.counter() == same.counter());

  const Variable one = Variable::leaf(numbers({1, 2}, 2));
  PathLengthPenalty still{.decay = 1};
  CHECK(still(reshape(linear(one, a), {1, 3, 1, 1}), one, rng).item() == 0);
}

TEST_CASE("path length passes the gradient check, and is finite for a generator that ignores its latents") {
  const auto value = [](const Variables& v) {
    PathLengthPenalty penalty{.decay = 0.3};
    penalty.mean.fill_(0.5);
    Rng rng(7);
    const Variable latents = v[4].is_constant() ? Variable::leaf(v[4].value()) : v[4];
    return penalty(generate(latents, {v[0], v[1], v[2], v[3]}), latents, rng);
  };
  std::vector<Tensor> inputs = generator_weights();
  inputs.push_back(numbers({3, 2, 4}, 100));
  expect_gradients("path length", value, inputs);

  inputs[0] = Tensor::zeros_like(inputs[0]);
  const Variables flat = leaves(inputs);
  for (const Variable& g : grad(value(flat), flat, {.allow_unused = true}))
    for (double d : doubles(g.value())) CHECK(std::isfinite(d));
}

TEST_CASE("path length refuses what is no picture, latents of other samples, and an odd decay") {
  PathLengthPenalty penalty;
  Rng rng(1);
  const Variable z = Variable::leaf(numbers({2, 3}, 1));
  const Variable pictures = reshape(z, {2, 3, 1, 1});
  const auto starts = [&](const Variable& x, const Variable& w, const char* with) {
    return error_of([&] { penalty(x, w, rng); }).starts_with(with);
  };
  CHECK(starts({}, z, "PathLengthPenalty: needs pictures"));
  CHECK(starts(z, z, "PathLengthPenalty: needs pictures"));
  CHECK(starts(pictures, {}, "PathLengthPenalty: needs latents"));
  CHECK(starts(pictures, reshape(z, {3, 2}), "PathLengthPenalty: needs latents"));
  CHECK(starts(pictures, reshape(z, {6}), "PathLengthPenalty: needs latents"));
  CHECK_FALSE(error_of([&] { penalty(pictures, Variable::leaf(numbers({2, 3}, 1)), rng); }).empty());  // not of these
  CHECK(penalty.mean.item() == 0);
  penalty.decay = 1.5;
  CHECK(starts(pictures, z, "PathLengthPenalty: the decay"));
}

TEST_CASE("orthogonal regularisation: the gradients that BigGAN-PyTorch adds in place") {
  for (const auto& [name, shape] : {std::pair<const char*, Shape>{"wide", {3, 2, 2, 1}}, {"tall", {5, 3}}}) {
    const Golden golden = golden_loss(cat("orthogonal ", name));
    const Variable w = Variable::leaf(numbers(shape, 1));
    for (const auto& [form, key] :
         {std::pair{Orthogonality::off_diagonal, "off_diagonal"}, std::pair{Orthogonality::full, "full"}}) {
      const Variable penalty = orthogonal_penalty({w}, form);
      CHECK(golden.difference_of(key, penalty.value()) <= tolerance::kGolden);
      CHECK(golden.difference_of(cat(key, ".grad"), grad(penalty, {w})[0].value()) <= tolerance::kGolden);
      expect_gradients("orthogonal_penalty",
                       [&, &which = form](const Variables& v) { return orthogonal_penalty(v, which); }, {w.value()});
    }
  }
}

TEST_CASE("orthogonal regularisation: nothing to pay for orthogonal rows, sums over weights, biases left out") {
  Rng rng(1);
  const Variable w = init::orthogonal(rng, {4, 3, 2, 2}).to(DType::float64);
  CHECK(orthogonal_penalty({w}, Orthogonality::full).item() < tolerance::kOrthonormalSquared);
  CHECK(orthogonal_penalty({2 * w}).item() < tolerance::kOrthonormalSquared);
  CHECK(orthogonal_penalty({2 * w}, Orthogonality::full).item() == doctest::Approx(0.5 * 4 * 9));
  const Variable bias = numbers({4}, 2), other = numbers({2, 3}, 3), row = numbers({1, 5}, 4);
  CHECK(orthogonal_penalty({other, bias, other}).item() == doctest::Approx(2 * orthogonal_penalty({other}).item()));
  CHECK(orthogonal_penalty({row}).item() == 0);
  CHECK(error_of([&] { orthogonal_penalty({bias}); }) ==
        "orthogonal_penalty: none of the 1 parameters has two dimensions");
  CHECK_FALSE(error_of([&] { orthogonal_penalty({}); }).empty());
  CHECK_FALSE(error_of([&] { orthogonal_penalty({Variable()}); }).empty());
}

TEST_CASE("LeCam: three calls are those of the authors' formula, running means and double gradients too") {
  LeCamPenalty penalty;
  for (std::uint64_t call = 0; call < 3; ++call) {
    const Golden golden = golden_loss(cat("lecam ", call));
    const Tensor real = (2 * Variable(numbers({4, 1}, 10 + call)) + 0.5).value();
    const Tensor fake = (2 * Variable(numbers({4, 1}, 20 + call)) - 0.5).value();
    const StateDict before = state_dict(penalty);
    const double r = before.at("real").item(), f = before.at("fake").item(), n = before.at("updates").item();
    const auto from_here = [&](const Variables& v) {  // the same call as often as one likes
      LeCamPenalty again;
      again.real.fill_(r);
      again.fake.fill_(f);
      again.updates.fill_(n);
      return again(v[0], v[1]);
    };
    check_second_order(golden, "", from_here, {real, fake});
    CHECK(penalty(real, fake).item() == from_here({real, fake}).item());
    CHECK(difference(Tensor::from<double>({penalty.real.item(), penalty.fake.item()}, {2}), golden.tensor("means")) <=
          tolerance::kGolden);
  }
  CHECK(penalty.updates.item() == 3);
}

TEST_CASE("LeCam: closed form, in both dtypes, and its gradient goes through the scores alone") {
  for (DType dtype : {DType::float32, DType::float64}) {
    LeCamPenalty penalty;
    const Variable real = Variable::leaf(column({1, 3}).value().to(dtype));
    const Variable fake = Variable::leaf(column({-1, 0}).value().to(dtype));
    const Variable value = penalty(real, fake);  // means 2 and -0.5
    CHECK(value.dtype() == dtype);
    CHECK(value.item() == doctest::Approx((1.5 * 1.5 + 3.5 * 3.5) / 2 + (9 + 4) / 2.0));
    const Variables g = grad(value, {real, fake});
    CHECK(difference(g[0].value(), column({1.5, 3.5}).value().to(dtype)) <= tolerance::kClosedFormSingle);
    CHECK(difference(g[1].value(), column({-3, -2}).value().to(dtype)) <= tolerance::kClosedFormSingle);
  }
  LeCamPenalty penalty;
  CHECK(error_of([&] { penalty({}, column({1})); }).starts_with("LeCamPenalty: needs scores"));
  CHECK(error_of([&] { penalty(column({1}), Tensor::empty({0, 1})); }).starts_with("LeCamPenalty: needs scores"));
  CHECK(penalty.updates.item() == 0);
  penalty.decay = -1;
  CHECK(error_of([&] { penalty(column({1}), column({1})); }).starts_with("LeCamPenalty: the decay"));
}

TEST_CASE("consistency: CR, bCR and zCR") {
  const Variable a = column({1, 2}), b = column({3, 2}), c = column({0, 0}), d = column({1, 1});
  CHECK(consistency_penalty(a, b).item() == doctest::Approx(2));
  CHECK(consistency_penalty(a, a).item() == 0);
  CHECK(balanced_consistency_penalty(a, b, c, d).item() == doctest::Approx(10 * 2 + 10 * 1));
  CHECK(balanced_consistency_penalty(a, b, c, d, {.real = 1, .fake = 3}).item() == doctest::Approx(2 + 3));
  CHECK(latent_consistency_discriminator(a, b).item() == doctest::Approx(10));
  CHECK(latent_consistency_generator(a, b).item() == doctest::Approx(-1));
  CHECK(latent_consistency_generator(a, b, {.generator = 2}).item() == doctest::Approx(-4));
  CHECK(error_of([&] { consistency_penalty(a, column({1})); }).starts_with("consistency_penalty: "));
  CHECK(error_of([&] { consistency_penalty({}, a); }).starts_with("consistency_penalty: "));
  for (const Shape& shape : {Shape{1}, {3, 1}, {2, 1, 3, 5}}) {
    const std::vector<Tensor> inputs{numbers(shape, 1), numbers(shape, 2), numbers(shape, 3), numbers(shape, 4)};
    expect_gradients(
        "consistency",
        [](const Variables& v) {
          return balanced_consistency_penalty(v[0], v[1], v[2], v[3]) + latent_consistency_discriminator(v[0], v[2]) +
                 latent_consistency_generator(v[1], v[3]);
        },
        inputs);
  }
}
