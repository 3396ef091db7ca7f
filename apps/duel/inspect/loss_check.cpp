#include "apps/duel/inspect/loss_check.h"

#include <algorithm>
#include <cmath>

#include "apps/duel/inspect/statistics.h"
#include "duel/autograd/gradcheck.h"
#include "duel/autograd/ops.h"

namespace duel::app {
namespace {

constexpr double kSteps[] = {1e-4, 1e-5, 1e-6, 1e-7, 1e-8};
constexpr double kScaleOfZeros = 0.01;  // what stands for the size of a parameter that is 0 throughout

// Makes a module's parameters functions of one vector u: p = p0 + rms(p0) * u[part].
class Shift : public Visitor {
 public:
  Shift(Variable u, const Variables& start) : u_(std::move(u)), start_(start) {}

 private:
  void on_parameter(const std::string&, Variable& p) override {
    const Variable& p0 = start_[count_++];
    const double rms = statistics(p0.value()).rms();
    const Variable part = reshape(slice(u_, 0, at_, at_ + p0.numel()), p0.shape());
    p = p0.detach() + (rms > 0 ? rms : kScaleOfZeros) * part;
    at_ += p0.numel();
  }

  Variable u_;
  const Variables& start_;
  std::size_t count_ = 0;
  std::int64_t at_ = 0;
};

template <class Module>
Module in_double(const Module& module) {
  Module copy = clone(module);
  to(copy, DType::float64);
  return copy;
}

AdversarialRound in_double(AdversarialRound round) {
  if (round.real.defined()) round.real = round.real.to(DType::float64);
  round.z = round.z.to(DType::float64);
  return round;
}

// `loss` gives the loss of a module; `module` is in float64.
template <class Module, class Loss>
std::vector<CheckedOrder> check_orders(Module module, Loss&& loss) {
  const Variables start = parameters(module);
  const DifferentiableFunction f = [&](const Variables& u) {
    Module moved = module;
    Shift shift(u[0], start);
    moved.visit(shift);
    return loss(moved);
  };
  const Tensor origin = Tensor::zeros({count_parameters(module)}, {.dtype = DType::float64});
  std::vector<CheckedOrder> orders{{1, {}}, {2, {}}};
  for (const double step : kSteps) {
    const GradcheckResult result = gradcheck(f, {origin}, {.max_order = 2, .step = step});
    for (const GradcheckEntry& e : result.entries)
      orders[static_cast<std::size_t>(e.order - 1)].steps.push_back({step, e.error, e.numeric, e.analytic});
  }
  return orders;
}

}  // namespace

const CheckedOrder::Step& CheckedOrder::best() const {
  return *std::min_element(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
    return !std::isnan(a.error) && (std::isnan(b.error) || a.error < b.error);
  });
}

std::vector<CheckedOrder> check_discriminator_loss(AdversarialGame& game, const AdversarialRound& round) {
  const Network generator = in_double(game.generator());
  return check_orders(in_double(game.discriminator()), [&, r = in_double(round)](Network& discriminator) {
    AdversarialNetworks networks{generator, discriminator};
    return discriminator_loss(game.options(), networks, r, Penalty::with).loss;
  });
}

std::vector<CheckedOrder> check_generator_loss(AdversarialGame& game, const AdversarialRound& round) {
  const Network discriminator = in_double(game.discriminator());
  return check_orders(in_double(game.generator()), [&, r = in_double(round)](Network& generator) {
    AdversarialNetworks networks{generator, discriminator};
    return generator_loss(game.options(), networks, r).loss;
  });
}

}  // namespace duel::app
