// Losses: closed forms, PyTorch's values and gradients, and numbers that would overflow.
#include "duel/gan/losses.h"

#include <doctest/doctest.h>

#include <cmath>

#include "duel/autograd/ops.h"
#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

namespace {

Variable row(std::initializer_list<double> values) {
  return Tensor::from<double>(values, {static_cast<std::int64_t>(values.size())});
}

double softplus_of(double x) { return std::log1p(std::exp(x)); }

// What the networks of make_golden_nn.py returned: a map of patches.
Variable scores(const AdversarialLoss& loss, std::uint64_t seed) {
  const Tensor x = (3 * Variable(numbers({2, 1, 3, 2}, seed))).value();
  return Variable::leaf(loss.name == "gan" ? sigmoid(x).value() : x);
}

}  // namespace

TEST_CASE("bce, bce_with_logits and mse: closed forms") {
  CHECK(bce(row({0.25, 0.5}), 1).item() == doctest::Approx(std::log(8.0) / 2));
  CHECK(bce(row({0.25, 0.5}), 0).item() == doctest::Approx(-std::log(0.375) / 2));
  CHECK(bce(row({0.25}), 0.9).item() == doctest::Approx(-0.9 * std::log(0.25) - 0.1 * std::log(0.75)));
  CHECK(bce_with_logits(row({0}), 1).item() == doctest::Approx(std::log(2.0)));
  CHECK(bce_with_logits(row({2, -1}), 0).item() == doctest::Approx((softplus_of(2) + softplus_of(-1)) / 2));
  CHECK(bce_with_logits(row({2}), 0.9).item() == doctest::Approx(softplus_of(2) - 0.9 * 2));
  CHECK(mse(row({3, 0}), 1).item() == doctest::Approx(2.5));
  CHECK(mse(row({3}), 1).shape() == Shape{});
}

TEST_CASE("the five games: closed forms") {
  const Variable real = row({0.5, 2}), fake = row({-2, -0.5});
  const auto check = [&](const AdversarialLoss& loss, const Variable& r, const Variable& f, double d, double g) {
    CAPTURE(std::string(loss.name));
    CHECK(loss.discriminator(r, f).item() == doctest::Approx(d));
    CHECK(loss.generator(f).item() == doctest::Approx(g));
  };
  check(kGanLoss, row({0.8}), row({0.1}), -std::log(0.8) - std::log(0.9), -std::log(0.1));
  check(kVanillaLoss, real, fake, softplus_of(-0.5) + softplus_of(-2), (softplus_of(2) + softplus_of(0.5)) / 2);
  check(kLeastSquaresLoss, real, fake, 0.5 * ((0.25 + 1) / 2 + (4 + 0.25) / 2), (9 + 2.25) / 2);
  check(kWassersteinLoss, real, fake, -2.5, 1.25);
  check(kHingeLoss, real, fake, 0.5 / 2 + 0.5 / 2, 1.25);
}

TEST_CASE("bce, bce_with_logits and mse are PyTorch's, gradients too") {
  const std::pair<const char*, Variable (*)(const Variable&, double)> all[] = {
      {"bce", bce}, {"bce_with_logits", bce_with_logits}, {"mse", mse}};
  for (const auto& [name, loss] : all) {
    CAPTURE(name);
    const Golden golden(cat("loss ", name));
    const Variable n = numbers({2, 1, 3, 2}, 1);
    const Variable x = Variable::leaf((loss == bce ? 0.5 + 0.45 * n : 3 * n).value());
    std::int64_t row = 0;
    for (double target : {0.0, 0.9, 1.0}) {
      const Variable value = loss(x, target);
      CHECK(difference(value.value(), golden.tensor("values").select(0, row)) <= tolerance::kGolden);
      CHECK(difference(grad(value, {x})[0].value(), golden.tensor("grads").select(0, row)) <= tolerance::kGolden);
      ++row;
    }
  }
}

TEST_CASE("the five games are PyTorch's, gradients too") {
  for (const AdversarialLoss& loss : adversarial_losses()) {
    const Golden golden(cat("adversarial ", loss.name));
    CAPTURE(std::string(loss.name));
    const Variable real = scores(loss, 1), fake = scores(loss, 2);
    const Variable d = loss.discriminator(real, fake), g = loss.generator(fake);
    CHECK(golden.difference_of("discriminator", d.value()) <= tolerance::kGolden);
    CHECK(golden.difference_of("generator", g.value()) <= tolerance::kGolden);
    const Variables grads = grad(d, {real, fake});
    CHECK(golden.difference_of("real.grad", grads[0].value()) <= tolerance::kGolden);
    CHECK(golden.difference_of("fake.grad", grads[1].value()) <= tolerance::kGolden);
    CHECK(golden.difference_of("generator.grad", grad(g, {fake})[0].value()) <= tolerance::kGolden);
  }
}

TEST_CASE("logits of any size give finite losses and gradients of at most 1") {
  for (double x : {-1e4, -104.0, -95.0, -88.0, 0.0, 88.0, 95.0, 104.0, 1e4})
    for (double target : {0.0, 0.9, 1.0})
      for (DType dtype : {DType::float32, DType::float64}) {
        CAPTURE(x);
        CAPTURE(target);
        const Variable logit = Variable::leaf(Tensor::full({1}, x, {.dtype = dtype}));
        const Variable direct = bce_with_logits(logit, target);
        CHECK(direct.item() == doctest::Approx(std::max(x, 0.0) - target * x + softplus_of(-std::abs(x))));
        const double slope = grad(direct, {logit})[0].item();
        CHECK(slope == doctest::Approx(1 / (1 + std::exp(-x)) - target));

        const Variable through_sigmoid = bce(sigmoid(logit), target);
        CHECK(std::isfinite(through_sigmoid.item()));
        CHECK(std::abs(grad(through_sigmoid, {logit})[0].item()) <= 1.001);
      }
}

TEST_CASE("bce at the ends: no more than the cut, and no gradient beyond it") {
  const double cut = -std::log(1e-37);
  for (DType dtype : {DType::float32, DType::float64}) {
    const Variable ends = Variable::leaf(Tensor::from<double>({0, 1}, {2}).to(dtype));
    for (double target : {0.0, 1.0}) {
      const Variable loss = bce(ends, target);
      CHECK(loss.item() == doctest::Approx(cut / 2));
      for (double g : doubles(grad(loss, {ends})[0].value())) CHECK(std::abs(g) <= 0.5);
    }
    CHECK(bce(ends, 0.9).item() == doctest::Approx(cut / 2));
  }
}

TEST_CASE("targets outside [0, 1] are refused") {
  for (double target : {-0.1, 1.1, std::nan("")}) {
    CHECK(error_of([&] { bce(row({0.5}), target); }).starts_with("bce: the target must lie in [0, 1]"));
    CHECK(error_of([&] { bce_with_logits(row({0.5}), target); }).starts_with("bce_with_logits: "));
  }
}

TEST_CASE("losses by name; an unknown one is answered with the known ones") {
  std::vector<std::string> names;
  for (const AdversarialLoss& loss : adversarial_losses()) {
    names.emplace_back(loss.name);
    CHECK(adversarial_loss(loss.name).name == loss.name);
  }
  CHECK(names == std::vector<std::string>{"gan", "vanilla", "lsgan", "wgan", "hinge"});
  CHECK(error_of([] { adversarial_loss("hing"); }) ==
        "adversarial_loss: unknown loss 'hing'; known: gan, vanilla, lsgan, wgan, hinge");
}
