// Soft, smoothed and noisy labels, the best k scores, feature matching and the optimiser of lazy regularisation: what
// PyTorch computes, closed forms, finite differences, what is drawn and how often.
#include "duel/gan/labels.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "duel/gan/penalties.h"
#include "tests/golden/losses.h"

using namespace duel;
using namespace duel::testing;

namespace {

// The scores of make_golden_augment.py, and more fakes than reals.
std::vector<Tensor> scores(const AdversarialLoss& loss) {
  const Variable real = 3 * Variable(numbers({2, 1, 3, 2}, 1)), fake = 3 * Variable(numbers({3, 1, 2, 2}, 2));
  return loss.name == "gan" ? std::vector{sigmoid(real).value(), sigmoid(fake).value()}
                            : std::vector{real.value(), fake.value()};
}

struct Range {
  double least, most;
};
Range range_of(const Variable& x) { return {amin(x, {0}).item(), amax(x, {0}).item()}; }

}  // namespace

TEST_CASE("soft labels: losses are PyTorch's, gradients and double gradients too") {
  for (const char* name : {"gan", "vanilla", "lsgan"}) {
    const AdversarialLoss& loss = adversarial_loss(name);
    Rng rng(7);
    const std::vector<Tensor> inputs = scores(loss);
    const Targets targets = draw_targets(rng, inputs[0], inputs[1], kSoftTargets);
    const auto of_scores = [&](const Variables& v) { return loss.discriminator_towards(v[0], v[1], targets); };
    check_second_order(Golden(cat("soft ", name), "augment.json"), "", of_scores, inputs);
    expect_gradients(name, of_scores, inputs);
  }
}

TEST_CASE("targets of 1 and 0 are the plain losses; exchanged ones are those of exchanged scores") {
  for (const char* name : {"gan", "vanilla", "minimax", "lsgan"}) {
    const AdversarialLoss& loss = adversarial_loss(name);
    const std::vector<Tensor> s = scores(loss);
    Rng rng(1);
    CHECK(loss.discriminator_towards(s[0], s[1], draw_targets(rng, s[0], s[1], {})).item() ==
          doctest::Approx(loss.discriminator(s[0], s[1]).item()));
    CHECK(loss.discriminator_towards(s[0], s[1], draw_targets(rng, s[0], s[1], {.flip = 1})).item() ==
          doctest::Approx(loss.discriminator(s[1], s[0]).item()));
  }
  Rng rng(1);
  const Variable p = Tensor::from<double>({0.8}, {1}), q = Tensor::from<double>({0.1}, {1});
  CHECK(kGanLoss.discriminator_towards(p, q, draw_targets(rng, p, q, kSmoothTargets)).item() ==
        doctest::Approx(-0.9 * std::log(0.8) - 0.1 * std::log(0.2) - std::log(0.9)));
}

TEST_CASE("targets: ranges, dtypes and shapes of the scores, and how often they are exchanged") {
  Rng rng(2);
  const Variable real = numbers({10000}, 1).to(DType::float32), fake = numbers({5000}, 2);
  const Targets soft = draw_targets(rng, real, fake, kSoftTargets);
  CHECK(soft.real.shape() == real.shape());
  CHECK(soft.real.dtype() == DType::float32);
  CHECK(soft.fake.shape() == fake.shape());
  CHECK(soft.fake.dtype() == DType::float64);
  const Range on_real = range_of(soft.real), on_fake = range_of(soft.fake);
  CHECK(on_real.least == doctest::Approx(0.9).epsilon(1e-3));
  CHECK(on_real.most == doctest::Approx(1).epsilon(1e-3));
  CHECK(on_fake.least < 1e-3);
  CHECK(on_fake.most == doctest::Approx(0.1).epsilon(1e-2));
  CHECK(mean(soft.real).item() == doctest::Approx(0.95).epsilon(2e-3));

  const Variable one = numbers({1}, 1);
  int exchanged = 0;
  constexpr int kBatches = 5000;
  for (int i = 0; i < kBatches; ++i) {
    const Targets targets = draw_targets(rng, one, one, kNoisyTargets);
    CHECK_MESSAGE(targets.real.item() + targets.fake.item() == 1, i);
    exchanged += targets.real.item() == 0;
  }
  CHECK(std::abs(exchanged / double{kBatches} - 0.1) < 5 * std::sqrt(0.1 * 0.9 / kBatches));
}

TEST_CASE("targets refuse odd options, other scores, and losses without them") {
  Rng rng(1);
  const Variable two = numbers({2}, 1), three = numbers({3}, 2);
  const auto refused = [&](const TargetOptions& o) {
    return !error_of([&] { draw_targets(rng, two, two, o); }).empty();
  };
  CHECK(refused({.real_low = 1.1}));
  CHECK(refused({.fake_low = NAN}));
  CHECK(refused({.real_high = INFINITY}));
  CHECK(refused({.flip = -0.1}));
  CHECK(refused({.flip = 1.1}));
  CHECK(refused({.flip = NAN}));
  CHECK(error_of([&] { draw_targets(rng, {}, two, {}); }).starts_with("draw_targets: scores are undefined"));
  const Targets targets = draw_targets(rng, two, two, {});
  CHECK_FALSE(error_of([&] { kVanillaLoss.discriminator_towards(two, three, targets); }).empty());
  CHECK_FALSE(error_of([&] { kVanillaLoss.discriminator_towards(two, two, {}); }).empty());
  for (const char* name : {"wgan", "hinge", "relativistic"})
    CHECK(error_of([&] { adversarial_loss(name).discriminator_towards(two, two, targets); }) ==
          cat("AdversarialLoss: the loss '", name, "' does not compare scores with targets"));
}

TEST_CASE("top-k: the best scores alone have a gradient, and k falls by the epoch") {
  const Variable fake = Variable::leaf(Tensor::from<double>({-1, 3, 0, 2}, {4, 1}));
  const Variable best = top_k_scores(fake, 2);
  CHECK(doubles(best.value()) == std::vector<double>{3, 2});
  CHECK(doubles(grad(kWassersteinLoss.generator(best), {fake})[0].value()) == std::vector<double>{0, -0.5, 0, -0.5});
  CHECK(mean(top_k_scores(fake, 4)).item() == mean(fake).item());
  const auto of_scores = [](const Variables& v) { return softplus(-top_k_scores(v[0], 3)); };
  check_second_order(Golden("top_k", "augment.json"), "", of_scores, {numbers({7, 1}, 1)});
  expect_gradients("top_k_scores", of_scores, {numbers({7, 1}, 1)});

  for (std::int64_t k : {0, 5, -1}) CHECK(error_of([&] { top_k_scores(fake, k); }).starts_with("top_k_scores: k must"));
  for (const Variable& v :
       {Variable(), Variable(numbers({}, 1)), Variable(numbers({2, 3}, 1)), Variable(numbers({0}, 1))})
    CHECK(error_of([&] { top_k_scores(v, 1); }).starts_with("top_k_scores: "));

  CHECK(top_k_at(0, 64) == 64);
  CHECK(top_k_at(1, 64) == 63);
  CHECK(top_k_at(10, 64) == 57);  // 64 * 0.99^10 = 57.9
  CHECK(top_k_at(1000, 64) == 32);
  CHECK(top_k_at(1000, 1) == 1);
  CHECK(top_k_at(3, 100, {.gamma = 0.5, .nu = 0.1}) == 12);
  CHECK(top_k_at(50, 100, {.gamma = 1}) == 100);
  CHECK_FALSE(error_of([] { top_k_at(-1, 64); }).empty());
  CHECK_FALSE(error_of([] { top_k_at(0, 0); }).empty());
  CHECK_FALSE(error_of([] { top_k_at(0, 64, {.gamma = 1.01}); }).empty());
  CHECK_FALSE(error_of([] { top_k_at(0, 64, {.nu = 0}); }).empty());
}

TEST_CASE("feature matching: the distance of the batches' means") {
  const Variable real = Tensor::from<double>({1, 2, 3, 4}, {2, 2}), fake = Tensor::from<double>({0, 5}, {1, 2});
  CHECK(feature_matching_loss(real, fake).item() == doctest::Approx(4 + 4));
  CHECK(feature_matching_loss(real, real).item() == 0);
  const auto loss = [](const Variables& v) { return feature_matching_loss(v[0], v[1]); };
  const std::vector<Tensor> features{numbers({3, 4, 2, 1}, 1), numbers({2, 4, 2, 1}, 2)};
  check_second_order(Golden("feature_matching", "augment.json"), "", loss, features);
  expect_gradients("feature_matching_loss", loss, features);
  for (const Variable& v :
       {Variable(), Variable(numbers({2, 3}, 1)), Variable(numbers({2}, 1)), Variable(numbers({}, 1))})
    CHECK(error_of([&] { feature_matching_loss(real, v); }).starts_with("feature_matching_loss: "));
  CHECK_FALSE(error_of([&] { feature_matching_loss(numbers({0, 2}, 1), fake); }).empty());
}

TEST_CASE("lazy regularisation: StyleGAN2's rates and betas") {
  const OptimizerOptions plain{.lr = 0.002, .beta1 = 0, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1};
  const OptimizerOptions o = lazy(plain, 16);
  CHECK(o.lr == doctest::Approx(0.002 * 16 / 17));
  CHECK(o.beta1 == 0);
  CHECK(o.beta2 == doctest::Approx(std::exp(16.0 / 17 * std::log(0.99))));
  CHECK(o.eps == plain.eps);
  CHECK(o.weight_decay == plain.weight_decay);
  CHECK(lazy({.beta1 = 0.25}, 1).beta1 == doctest::Approx(0.5));
  CHECK(error_of([&] { lazy(plain, 0); }) == "lazy: the interval must be 1 or more, got 0");
}
