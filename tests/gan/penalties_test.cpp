// Penalties on a critic's gradient: critics whose penalty is known, PyTorch's double backward, finite differences of
// further orders, and gradients that vanish.
#include "duel/gan/penalties.h"

#include <doctest/doctest.h>

#include <cmath>

#include "duel/gan/losses.h"
#include "duel/nn/layers.h"
#include "duel/nn/sequential.h"
#include "tests/golden/losses.h"

using namespace duel;
using namespace duel::testing;

namespace {

// D(x) = w . x on flat pictures [N, 6].
struct LinearCritic {
  Variable w = Variable::leaf(numbers({6}, 1));
  Variable operator()(const Variable& x) const { return matmul(flatten(x), reshape(w, {6, 1})); }
  double norm() const { return std::sqrt(inner_product(w.value(), w.value())); }
};

constexpr PenaltyAt kPlaces[] = {PenaltyAt::real, PenaltyAt::fake, PenaltyAt::mixed};

const char* name_of(PenaltyAt at) { return at == PenaltyAt::real ? "real" : at == PenaltyAt::fake ? "fake" : "mixed"; }

constexpr std::uint64_t kWeightSeed = 1;

bool all_finite(const Tensor& t) {
  for (double v : doubles(t))
    if (!std::isfinite(v)) return false;
  return true;
}

// The critics of make_golden_losses.py.
Sequential convolutional(bool with_batch_norm) {
  Rng rng(1);
  Sequential critic{{Conv2d(rng, 2, 3, {.stride = 2, .padding = 1})}};
  if (with_batch_norm) critic.layers.emplace_back(BatchNorm2d(3));
  for (Layer& layer :
       std::vector<Layer>{LeakyReLU(), Conv2d(rng, 3, 2, {.padding = 1}), Softplus(), Flatten(), Linear(rng, 12, 1)})
    critic.layers.push_back(layer);
  renumber(critic, 1);
  return critic;
}

// One after the other.
Tensor joined(const Variables& parts) {
  Variables flat;
  for (const Variable& v : parts) flat.push_back(reshape(v, {v.numel()}));
  return concat(flat, 0).value();
}

}  // namespace

TEST_CASE("a linear critic: GP = (|w| - c)^2 with gradient 2 (|w| - c) w / |w|, wherever it is taken") {
  const LinearCritic critic;
  const Tensor real = numbers({4, 1, 2, 3}, 2), fake = numbers({4, 1, 2, 3}, 3);
  for (PenaltyAt at : kPlaces)
    for (double centre : {0.0, 1.0, 5.0}) {
      Rng rng(1);
      const Variable gp = gradient_penalty(critic, real, fake, rng, {.at = at, .centre = centre});
      const double excess = critic.norm() - centre;
      CHECK(gp.item() == doctest::Approx(excess * excess).epsilon(tolerance::kClosedForm));
      CHECK(gp.shape() == Shape{});
      const Tensor wanted = (2 * excess / critic.norm() * critic.w).value();
      CHECK(difference(grad(gp, {critic.w})[0].value(), wanted) <= tolerance::kFused);
    }
}

TEST_CASE("a linear critic: the norm over each pixel, the largest norm, and DRAGAN, which all see w everywhere") {
  const LinearCritic critic;
  const Tensor real = numbers({4, 2, 1, 3}, 2), fake = numbers({4, 2, 1, 3}, 3);
  Rng rng(1);
  const Variable pixels = norm(reshape(critic.w, {2, 3}), {0});
  for (PenaltyAt at : kPlaces) {
    const Variable gp = gradient_penalty(critic, real, fake, rng, {.at = at, .over = NormOver::pixel});
    CHECK(difference(gp.value(), mean(square(pixels - 1)).value()) <= tolerance::kClosedForm);
  }
  CHECK(difference(zero_centred_penalty(critic, real, NormOver::pixel).value(), mean(square(pixels)).value()) <=
        tolerance::kClosedForm);
  const Variable largest = max_gradient_penalty(critic, real, fake, rng);
  CHECK(largest.item() == doctest::Approx(critic.norm() * critic.norm()).epsilon(tolerance::kClosedForm));
  CHECK(difference(grad(largest, {critic.w})[0].value(), (2 * critic.w).value()) <= tolerance::kFused);
  const Variable dragan = dragan_penalty(critic, real, rng, {.centre = 3});
  const double excess = critic.norm() - 3;
  CHECK(dragan.item() == doctest::Approx(excess * excess).epsilon(tolerance::kClosedForm));
  CHECK(difference(grad(dragan, {critic.w})[0].value(), (2 * excess / critic.norm() * critic.w).value()) <=
        tolerance::kFused);
}

TEST_CASE("a linear critic: R1 = R2 = gamma / 2 |w|^2 with gradient gamma w") {
  const LinearCritic critic;
  const Tensor pictures = numbers({4, 1, 2, 3}, 2);
  for (const auto penalty : {r1_penalty, r2_penalty}) {
    const Variable value = penalty(critic, pictures, 3);
    CHECK(value.item() == doctest::Approx(1.5 * critic.norm() * critic.norm()).epsilon(tolerance::kClosedForm));
    CHECK(difference(grad(value, {critic.w})[0].value(), (3 * critic.w).value()) <= tolerance::kFused);
  }
  CHECK(zero_centred_penalty(critic, pictures).item() == doctest::Approx(critic.norm() * critic.norm()));
}

TEST_CASE("a quadratic critic tells where the gradient is taken, with one number per sample between") {
  // D(x) = |x|^2 / 2 has the gradient x itself.
  const Critic critic = [](const Variable& x) { return 0.5 * sum(square(x), {1}); };
  const Tensor real = Tensor::full({5, 4}, 1, {.dtype = DType::float64});
  const Tensor fake = Tensor::full({5, 4}, 3, {.dtype = DType::float64});
  Rng rng(4);
  const auto penalty = [&](PenaltyAt at) {
    return gradient_penalty(critic, real, fake, rng, {.at = at, .centre = 0}).item();
  };
  CHECK(penalty(PenaltyAt::real) == doctest::Approx(4));
  CHECK(penalty(PenaltyAt::fake) == doctest::Approx(36));
  CHECK(rng.counter() == 0);  // only `mixed` draws
  Rng same(4);
  double wanted = 0;
  for (double t : doubles(same.uniform({5, 1}, 0, 1, {.dtype = DType::float64})))
    wanted += 4 * (1 + 2 * t) * (1 + 2 * t) / 5;
  CHECK(penalty(PenaltyAt::mixed) == doctest::Approx(wanted));
  CHECK(rng.counter() == same.counter());
}

TEST_CASE("a quadratic critic tells what DRAGAN adds to the pictures, and which sample has the largest gradient") {
  const Critic critic = [](const Variable& x) { return 0.5 * sum(square(x), {1}); };
  const Tensor real = Tensor::from<double>({1, 3, 1, 3, 1, 3}, {3, 2});  // of deviation 1
  Rng rng(4), same(4);
  const double dragan = dragan_penalty(critic, real, rng, {.scale = 0.25, .centre = 0}).item();
  const Variable a = same.uniform({3, 1}, 0, 1, {.dtype = DType::float64});
  const Variable u = same.uniform({3, 2}, 0, 1, {.dtype = DType::float64});
  CHECK(dragan == doctest::Approx(mean(sum(square(real + 0.25 * a * u), {1})).item()));
  CHECK(rng.counter() == same.counter());
  const Tensor rows = Tensor::from<double>({1, 1, 0, 2, 1, 0}, {3, 2});
  CHECK(max_gradient_penalty(critic, rows, rows, rng).item() == doctest::Approx(4));
}

TEST_CASE("a critic without slope has finite penalties and gradients") {
  for (DType dtype : {DType::float32, DType::float64}) {
    const Tensor pictures = numbers({4, 2, 1, 3}, 2).to(dtype);
    LinearCritic critic;
    critic.w = Variable::leaf(Tensor::zeros({6}, {.dtype = dtype}));
    const Tensor zero = critic.w.value();
    Rng rng(5);
    for (PenaltyAt at : kPlaces)
      for (NormOver over : {NormOver::sample, NormOver::pixel}) {
        const Variable gp = gradient_penalty(critic, pictures, pictures, rng, {.at = at, .over = over});
        CHECK(gp.item() == doctest::Approx(1));
        CHECK(all_finite(grad(gp, {critic.w})[0].value()));
        const Variable plain = gradient_penalty(critic, pictures, pictures, rng, {.epsilon = 0, .over = over});
        CHECK(plain.item() == 1);
        CHECK(difference(grad(plain, {critic.w})[0].value(), zero) == 0);
      }
    const Variable dragan = dragan_penalty(critic, pictures, rng);
    CHECK(dragan.item() == 1);
    CHECK(difference(grad(dragan, {critic.w})[0].value(), zero) == 0);
    for (const Variable& value :
         {r1_penalty(critic, pictures, 10), max_gradient_penalty(critic, pictures, pictures, rng)}) {
      CHECK(value.item() == 0);
      CHECK(difference(grad(value, {critic.w})[0].value(), zero) == 0);
    }
  }
}

TEST_CASE("constant pictures have no deviation, which DRAGAN bears") {
  const LinearCritic critic;
  Rng rng(6);
  const Variable dragan = dragan_penalty(critic, Tensor::full({3, 6}, 2, {.dtype = DType::float64}), rng);
  CHECK(all_finite(dragan.value()));
  CHECK(all_finite(grad(dragan, {critic.w})[0].value()));
}

TEST_CASE("penalties and their gradients are PyTorch's, through batch norm too") {
  for (bool with_batch_norm : {false, true}) {
    CAPTURE(with_batch_norm);
    const Golden golden = golden_loss(with_batch_norm ? "penalty batch_norm" : "penalty plain");
    Sequential critic = convolutional(with_batch_norm);
    const Critic score = [&](const Variable& x) { return critic(x); };
    const Tensor real = numbers({3, 2, 5, 4}, 100), fake = numbers({3, 2, 5, 4}, 101);
    const auto compare = [&](const std::string& name, const Variable& penalty) {
      CAPTURE(name);
      CHECK(golden.difference_of(name, penalty.value()) <= tolerance::kGolden);
      const Variables grads = grad(penalty, parameters(critic), {.allow_unused = true});
      CHECK(golden.difference_of(name + ".grad", joined(grads)) <= tolerance::kGolden);
    };
    for (PenaltyAt at : kPlaces) {
      Rng rng(7);
      compare(name_of(at),
              gradient_penalty(score, real, fake, rng, {.at = at, .centre = at == PenaltyAt::mixed ? 0.5 : 1.0}));
    }
    Rng rng(7), same(7), another(7);
    compare("pixel", gradient_penalty(score, real, fake, rng, {.over = NormOver::pixel}));
    compare("max", max_gradient_penalty(score, real, fake, same));
    compare("dragan", dragan_penalty(score, real, another));
    compare("r1 pixel", zero_centred_penalty(score, real, NormOver::pixel));
    compare("r1", r1_penalty(score, real, 3));
    compare("r2", r2_penalty(score, fake, 3));
  }
}

// Penalties as functions of the critic's weights. Order 2 here differentiates the network three times. The seeds are
// such that no leaky ReLU's input comes within a step of its kink.
TEST_CASE("penalties pass the gradient check, through convolutions and normalisations") {
  const Tensor real = numbers({3, 2, 5, 4}, 100), fake = numbers({3, 2, 5, 4}, 101);
  using Normalization = Variable (*)(const Variable& h, const Variable& gain, const Variable& bias);
  const std::pair<const char*, Normalization> normalizations[] = {
      {"none", [](const Variable& h, const Variable& gain, const Variable& bias) { return h * gain + bias; }},
      {"batch", [](const Variable& h, const Variable& gain,
                   const Variable& bias) { return batch_norm(h, reshape(gain, {3}), reshape(bias, {3}), 1e-5); }},
      {"instance", [](const Variable& h, const Variable& gain, const Variable& bias) {
         const Variable deviations = h - mean(h, {2, 3}, KeepDims::yes);
         return deviations * rsqrt(mean(square(deviations), {2, 3}, KeepDims::yes) + 1e-5) * gain + bias;
       }}};
  using Penalty = Variable (*)(const Critic& critic, const Tensor& real, const Tensor& fake);
  const std::pair<const char*, Penalty> penalties[] = {
      {"mixed",
       [](const Critic& c, const Tensor& r, const Tensor& f) {
         Rng rng(7);
         return gradient_penalty(c, r, f, rng);
       }},
      {"pixel",
       [](const Critic& c, const Tensor& r, const Tensor& f) {
         Rng rng(7);
         return gradient_penalty(c, r, f, rng, {.centre = 0.5, .epsilon = 0, .over = NormOver::pixel});
       }},
      {"max",
       [](const Critic& c, const Tensor& r, const Tensor& f) {
         Rng rng(7);
         return max_gradient_penalty(c, r, f, rng);
       }},
      {"dragan",
       [](const Critic& c, const Tensor& r, const Tensor&) {
         Rng rng(7);
         return dragan_penalty(c, r, rng);
       }},
      {"r1", [](const Critic& c, const Tensor& r, const Tensor&) { return r1_penalty(c, r, 3); }},
      {"r2", [](const Critic& c, const Tensor&, const Tensor& f) { return r2_penalty(c, f, 3); }}};
  std::vector<Tensor> weights;
  for (const Shape& shape : {Shape{3, 2, 3, 3}, {3}, {3, 1, 1}, {3, 1, 1}, {2, 3, 3, 3}, {1, 12}})
    weights.push_back(numbers(shape, kWeightSeed + weights.size()));
  for (const auto& [normalization, normalized] : normalizations)
    for (const auto& [name, penalty] : penalties)
      expect_gradients(
          cat(name, " through ", normalization),
          [&, &normalize = normalized, &of = penalty](const Variables& w) {
            const Critic critic = [&](const Variable& x) {
              const Variable h = conv2d(x, w[0], w[1], {.stride = {2, 2}, .padding = {1, 1}});
              const Variable y = conv2d(leaky_relu(normalize(h, w[2], w[3])), w[4], {}, {.padding = {1, 1}});
              return linear(flatten(softplus(y)), w[5]);
            };
            return of(critic, real, fake);
          },
          weights, {.step = 1e-4});
}

TEST_CASE("penalties of a map of patches are those of its sum") {
  Rng rng(8);
  Conv2d patches(rng, 1, 1, {.kernel = 2});
  const Tensor x = rng.normal({2, 1, 4, 4});
  const Critic map = [&](const Variable& v) { return patches(v); };
  const Critic summed = [&](const Variable& v) { return sum(patches(v), {1, 2, 3}); };
  CHECK(zero_centred_penalty(map, x).item() == doctest::Approx(zero_centred_penalty(summed, x).item()));
}

TEST_CASE("penalties refuse pictures that do not fit, none at all, and a recording that is off") {
  const LinearCritic critic;
  Rng rng(9);
  const Tensor two = numbers({2, 6}, 1), three = numbers({3, 6}, 1);
  CHECK(error_of([&] { gradient_penalty(critic, two, three, rng); }).starts_with("gradient_penalty: real pictures"));
  CHECK_FALSE(error_of([&] { gradient_penalty(critic, two, two.to(DType::float32), rng); }).empty());
  CHECK(error_of([&] { r1_penalty(critic, numbers({0, 6}, 1), 1); }).find("needs pictures") != std::string::npos);
  CHECK(error_of([&] { r1_penalty(critic, numbers({6}, 1), 1); }).find("needs pictures") != std::string::npos);
  CHECK(error_of([&] { gradient_penalty(critic, {}, {}, rng); }).starts_with("gradient_penalty: real pictures"));
  CHECK(error_of([&] { max_gradient_penalty(critic, two, three, rng); }).starts_with("max_gradient_penalty: real"));
  CHECK(error_of([&] { dragan_penalty(critic, {}, rng); }).starts_with("dragan_penalty: needs pictures"));
  CHECK(error_of([&] { dragan_penalty(critic, numbers({0, 6}, 1), rng); }).starts_with("dragan_penalty: needs"));
  CHECK(error_of([&] {
          zero_centred_penalty(critic, two, NormOver::pixel);
        }).starts_with("zero_centred_penalty: a norm over each pixel needs pictures"));
  CHECK(error_of([&] { r1_penalty({}, two, 1); }).find("the critic is empty") != std::string::npos);
  const Critic blind = [&](const Variable& x) { return critic(x.detach()); };
  CHECK_FALSE(error_of([&] { r1_penalty(blind, two, 1); }).empty());
  const NoGrad no_grad;
  CHECK_FALSE(error_of([&] { r1_penalty(critic, two, 1); }).empty());
}

TEST_CASE("one pass over real and fake pictures gives the scores and gradients of two") {
  Sequential critic = convolutional(false);
  const Tensor real = numbers({4, 2, 5, 4}, 2), fake = numbers({4, 2, 5, 4}, 3);
  const Critic judge = [&](const Variable& x) { return critic(x); };
  const ScorePair both = scores_of_both(judge, real, fake);
  CHECK(both.real.shape() == Shape{4, 1});
  CHECK(difference(both.real.value(), critic(real).value()) <= tolerance::kFused);
  CHECK(difference(both.fake.value(), critic(fake).value()) <= tolerance::kFused);
  const auto gradients = [&](const ScorePair& s) {
    return joined(grad(kHingeLoss.discriminator(s.real, s.fake), parameters(critic)));
  };
  CHECK(difference(gradients(both), gradients({critic(real), critic(fake)})) <= tolerance::kFused);
}

TEST_CASE("one pass over real and fake pictures refuses what does not fit") {
  const LinearCritic critic;
  CHECK_THROWS_WITH_AS(scores_of_both(critic, numbers({4, 1, 2, 3}, 1), numbers({3, 1, 2, 3}, 2)),
                       doctest::Contains("differ in shape"), Error);
  const Critic mean_score = [&](const Variable& x) { return mean(critic(x)); };
  CHECK_THROWS_WITH_AS(scores_of_both(mean_score, numbers({4, 1, 2, 3}, 1), numbers({4, 1, 2, 3}, 2)),
                       doctest::Contains("for 8 pictures"), Error);
}
