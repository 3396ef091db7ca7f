// Adversarial losses: closed forms, PyTorch's values, gradients and double gradients, finite differences, extremes.
#include "duel/gan/losses.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/golden/losses.h"

using namespace duel;
using namespace duel::testing;

namespace {

Variable row(std::initializer_list<double> values) {
  return Tensor::from<double>(values, {static_cast<std::int64_t>(values.size())});
}

double softplus_of(double x) { return std::log1p(std::exp(x)); }

// What the networks of make_golden_losses.py returned: a map of patches.
Tensor scores(const AdversarialLoss& loss, const Shape& shape, std::uint64_t seed) {
  const Variable x = 3 * Variable(numbers(shape, seed));
  return (loss.name == "gan" ? sigmoid(x) : x).value();
}

}  // namespace

TEST_CASE("the games: closed forms") {
  const Variable real = row({0.5, 2}), fake = row({-2, -0.5});
  const auto check = [&](const AdversarialLoss& loss, const Variable& r, const Variable& f, double d, double g) {
    CAPTURE(std::string(loss.name));
    CHECK(loss.discriminator(r, f).item() == doctest::Approx(d));
    CHECK(loss.generator(r, f).item() == doctest::Approx(g));
    CHECK(loss.generator(r, f).shape() == Shape{});
    if (loss.generator_scores == GeneratorScores::fake) CHECK(loss.generator(f).item() == doctest::Approx(g));
  };
  check(kGanLoss, row({0.8}), row({0.1}), -std::log(0.8) - std::log(0.9), -std::log(0.1));
  check(kVanillaLoss, real, fake, softplus_of(-0.5) + softplus_of(-2), (softplus_of(2) + softplus_of(0.5)) / 2);
  check(kMinimaxLoss, real, fake, softplus_of(-0.5) + softplus_of(-2), -(softplus_of(-2) + softplus_of(-0.5)) / 2);
  check(kLeastSquaresLoss, real, fake, 0.5 * ((0.25 + 1) / 2 + (4 + 0.25) / 2), (9 + 2.25) / 2);
  check(kWassersteinLoss, real, fake, -2.5, 1.25);
  check(kHingeLoss, real, fake, 0.5 / 2 + 0.5 / 2, 1.25);
  check(kRelativisticLoss, real, row({-2, -0.25}), (softplus_of(-2.5) + softplus_of(-2.25)) / 2,
        (softplus_of(2.5) + softplus_of(2.25)) / 2);
}

TEST_CASE("the games are PyTorch's, gradients and double gradients too") {
  for (const AdversarialLoss& loss : adversarial_losses()) {
    CAPTURE(std::string(loss.name));
    const Golden golden = golden_loss(cat("adversarial ", loss.name));
    const std::vector<Tensor> inputs{scores(loss, {2, 1, 3, 2}, 1), scores(loss, {2, 1, 3, 2}, 2)};
    check_second_order(
        golden, "discriminator ", [&](const Variables& v) { return loss.discriminator(v[0], v[1]); }, inputs);
    check_second_order(
        golden, "generator ", [&](const Variables& v) { return loss.generator(v[0], v[1]); }, inputs);
  }
}

TEST_CASE("the games pass the gradient check") {
  for (const AdversarialLoss& loss : adversarial_losses())
    for (const Shape& shape : {Shape{1}, {7, 1}, {2, 1, 3, 5}}) {
      const std::vector<Tensor> inputs{scores(loss, shape, 3), scores(loss, shape, 4)};
      expect_gradients(
          cat(loss.name, " discriminator"), [&](const Variables& v) { return loss.discriminator(v[0], v[1]); }, inputs);
      expect_gradients(
          cat(loss.name, " generator"), [&](const Variables& v) { return 0 * sum(v[0]) + loss.generator(v[0], v[1]); },
          inputs);
    }
}

TEST_CASE("scores of any size give finite losses and gradients") {
  for (const AdversarialLoss& loss : adversarial_losses())
    for (DType dtype : {DType::float32, DType::float64}) {
      if (loss.name == "gan") continue;  // on probabilities, see bce
      CAPTURE(std::string(loss.name));
      const Variable real = Variable::leaf(Tensor::from<double>({-1e4, 1e4, 0}, {3}).to(dtype));
      const Variable fake = Variable::leaf(Tensor::from<double>({1e4, -1e4, 0}, {3}).to(dtype));
      for (const Variable& value : {loss.discriminator(real, fake), loss.generator(real, fake)}) {
        CHECK(std::isfinite(value.item()));
        for (const Variable& g : grad(value, {real, fake}, {.allow_unused = true}))
          for (double v : doubles(g.value())) CHECK(std::isfinite(v));
      }
    }
}

TEST_CASE("losses by name, their own or another; an unknown one is answered with the known ones") {
  std::vector<std::string> names;
  for (const AdversarialLoss& loss : adversarial_losses()) {
    names.emplace_back(loss.name);
    CHECK(adversarial_loss(loss.name).name == loss.name);
  }
  CHECK(names == std::vector<std::string>{"gan", "vanilla", "minimax", "lsgan", "wgan", "hinge", "relativistic"});
  for (const char* name : {"dcgan", "wgan-logistic-ns", "logistic"}) CHECK(adversarial_loss(name).name == "vanilla");
  for (const char* name : {"r3gan", "rpgan"}) CHECK(adversarial_loss(name).name == "relativistic");
  CHECK(error_of([] { adversarial_loss("hing"); }) ==
        "adversarial_loss: unknown loss 'hing'; known: gan, vanilla, minimax, lsgan, wgan, hinge, relativistic");
}

TEST_CASE("the relativistic loss needs both scores, pair by pair") {
  const Variable two = row({1, 2}), three = row({1, 2, 3});
  CHECK(error_of([&] { kRelativisticLoss.generator(two); }) ==
        "AdversarialLoss: the generator's side of the loss 'relativistic' compares with the scores of real pictures: "
        "call generator(real, fake)");
  CHECK(error_of([&] { kRelativisticLoss.generator({}, two); }).starts_with("kRelativisticLoss: needs scores"));
  CHECK(error_of([&] { kRelativisticLoss.discriminator(two, three); }).starts_with("kRelativisticLoss: needs scores"));
}
