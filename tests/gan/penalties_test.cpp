// Gradient penalties: critics whose penalty is known, PyTorch's double backward, and gradients that vanish.
#include "duel/gan/penalties.h"

#include <doctest/doctest.h>

#include <cmath>

#include "duel/autograd/ops.h"
#include "duel/nn/layers.h"
#include "duel/nn/sequential.h"
#include "tests/golden/nn.h"
#include "tests/support/tolerances.h"

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

bool all_finite(const Tensor& t) {
  for (double v : doubles(t))
    if (!std::isfinite(v)) return false;
  return true;
}

// The critics of make_golden_nn.py.
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

TEST_CASE("a critic without slope has finite penalties and gradients") {
  Rng rng(5);
  for (DType dtype : {DType::float32, DType::float64}) {
    const Tensor pictures = numbers({4, 6}, 2).to(dtype);
    LinearCritic critic;
    critic.w = Variable::leaf(Tensor::zeros({6}, {.dtype = dtype}));
    for (PenaltyAt at : kPlaces) {
      const Variable gp = gradient_penalty(critic, pictures, pictures, rng, {.at = at});
      CHECK(gp.item() == doctest::Approx(1));
      CHECK(all_finite(grad(gp, {critic.w})[0].value()));
    }
    const Variable r1 = r1_penalty(critic, pictures, 10);
    CHECK(r1.item() == 0);
    CHECK(difference(grad(r1, {critic.w})[0].value(), Tensor::zeros({6}, {.dtype = dtype})) == 0);
  }
}

TEST_CASE("penalties and their gradients are PyTorch's, through batch norm too") {
  for (bool with_batch_norm : {false, true}) {
    CAPTURE(with_batch_norm);
    const Golden golden(with_batch_norm ? "penalty batch_norm" : "penalty plain");
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
    compare("r1", r1_penalty(score, real, 3));
    compare("r2", r2_penalty(score, fake, 3));
  }
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
  const NoGrad no_grad;
  CHECK_FALSE(error_of([&] { r1_penalty(critic, two, 1); }).empty());
}
