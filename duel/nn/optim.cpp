#include "duel/nn/optim.h"

#include <cmath>

#include "duel/autograd/pointwise.h"

namespace duel {
namespace {

// `grad` with the strides of `param`, as the kernels want it.
Tensor laid_out_like(const Tensor& param, const Tensor& grad) {
  if (grad.strides() == param.strides()) return grad;
  Tensor copy = Tensor::empty_like(param);
  backend(copy.device()).copy(grad, copy);
  return copy;
}

double checked_rate(double lr) {
  check(std::isfinite(lr) && lr >= 0, "Optimizer", "the learning rate must be finite and not negative, got ", lr);
  return lr;
}

}  // namespace

Optimizer::Optimizer(Flat flat, double lr) : flat_(flat.buffer), lr_(checked_rate(lr)) {
  for (auto& [name, p] : flat.named) {
    names_.push_back(std::move(name));
    parameters_.push_back(std::move(p));
  }
}

void Optimizer::set_lr(double lr) { lr_ = checked_rate(lr); }

Optimizer::State& Optimizer::add_state(const char* name) {
  const Tensor buffer = Tensor::zeros_like(flat_);
  auto state = std::make_unique<State>();
  for (const Variable& p : parameters_) {
    const Tensor& v = p.value();
    state->emplace_back(buffer.storage(), v.shape(), v.strides(), v.offset(), v.dtype());
  }
  state_.emplace_back(name, std::move(state));
  return *state_.back().second;
}

void Optimizer::step(const Variables& grads) {
  check(grads.size() == parameters_.size(), "Optimizer::step", grads.size(), " gradients for ", parameters_.size(),
        " parameters");
  for (std::size_t i = 0; i < grads.size(); ++i) {
    check(parameters_[i].node()->lies_in(*flat_.storage()), "Optimizer::step", names_[i],
          " has been moved since this optimiser was made, by another one over a model that shares it, or by set_value; "
          "make one optimiser per model, and last");
    check(
        grads[i].defined() && grads[i].shape() == parameters_[i].shape() && grads[i].dtype() == parameters_[i].dtype(),
        "Optimizer::step", "the gradient of ", names_[i], " is ", grads[i].value(), ", needs ", parameters_[i].value());
  }
  steps_.fill_(static_cast<double>(steps() + 1));
  for (std::size_t i = 0; i < grads.size(); ++i) {
    const Tensor& param = parameters_[i].value();
    update(i, param, laid_out_like(param, grads[i].value()));
  }
  flat_.storage()->bump_version();
}

void Optimizer::visit(Visitor& v) {
  v.buffer("step", steps_);
  for (auto& [state, tensors] : state_)
    for (std::size_t i = 0; i < names_.size(); ++i) v.buffer(state + "." + names_[i], (*tensors)[i]);
}

void accumulate(Variables& total, Variables grads) {
  if (total.empty()) {
    total = std::move(grads);
    return;
  }
  check(total.size() == grads.size(), "accumulate", grads.size(), " gradients to be added to ", total.size());
  for (std::size_t i = 0; i < grads.size(); ++i) {
    const Variable &sum = total[i], &g = grads[i];
    check(sum.defined() && g.defined() && sum.shape() == g.shape() && sum.dtype() == g.dtype(), "accumulate",
          "gradient ", i, " is ", g.value(), ", needs ", sum.value());
  }
  const NoGrad no_grad;
  for (std::size_t i = 0; i < grads.size(); ++i) total[i] = total[i] + grads[i];
}

AdamOptions Adam::check_options(const AdamOptions& o) {
  check(o.beta1 >= 0 && o.beta1 < 1 && o.beta2 >= 0 && o.beta2 < 1, "Adam", "betas must lie in [0, 1), got ", o.beta1,
        " and ", o.beta2);
  check(o.eps >= 0 && o.weight_decay >= 0, "Adam", "eps and weight decay must not be negative, got ", o.eps, " and ",
        o.weight_decay);
  return o;
}

AdamStep Adam::adam_step() const {
  const double t = static_cast<double>(steps());
  return {.rate = lr(),
          .beta1 = options_.beta1,
          .beta2 = options_.beta2,
          .eps = options_.eps,
          .weight_decay = options_.weight_decay,
          .correction1 = 1 - std::pow(options_.beta1, t),
          .correction2 = 1 - std::pow(options_.beta2, t)};
}

AdamStep AdamW::adam_step() const {
  AdamStep s = Adam::adam_step();
  s.decoupled_decay = std::exchange(s.weight_decay, 0);
  return s;
}

void Adam::update(std::size_t i, const Tensor& param, const Tensor& grad) {
  backend(param.device()).adam(param, grad, exp_avg_[i], exp_avg_sq_[i], adam_step());
}

SgdOptions Sgd::check_options(const SgdOptions& o) {
  check(o.momentum >= 0 && o.momentum <= 1 && o.dampening >= 0 && o.dampening <= 1 && o.weight_decay >= 0, "Sgd",
        "momentum and dampening must lie in [0, 1] and weight decay not be negative, got ", o.momentum, ", ",
        o.dampening, " and ", o.weight_decay);
  return o;
}

void Sgd::update(std::size_t i, const Tensor& param, const Tensor& grad) {
  backend(param.device())
      .sgd(param, grad, momentum_ ? (*momentum_)[i] : Tensor(),
           {.rate = lr(),
            .momentum = options_.momentum,
            .weight_decay = options_.weight_decay,
            .gradient_share = steps() == 1 ? 1 : 1 - options_.dampening});
}

RmsPropOptions RmsProp::check_options(const RmsPropOptions& o) {
  check(o.alpha >= 0 && o.alpha <= 1 && o.eps >= 0 && o.weight_decay >= 0, "RmsProp",
        "alpha must lie in [0, 1], eps and weight decay not be negative, got ", o.alpha, ", ", o.eps, " and ",
        o.weight_decay);
  return o;
}

void RmsProp::update(std::size_t i, const Tensor& param, const Tensor& grad) {
  backend(param.device())
      .rmsprop(param, grad, square_avg_[i],
               {.rate = lr(), .alpha = options_.alpha, .eps = options_.eps, .weight_decay = options_.weight_decay});
}

void clip_weights(const Variables& parameters, double limit) {
  check(limit > 0, "clip_weights", "the limit must be positive, got ", limit);
  for (const Variable& p : parameters) {
    const Tensor& v = p.value();
    backend(v.device()).unary(UnaryOp::clamp, v, v, {-limit, limit});
    v.storage()->bump_version();
  }
}

}  // namespace duel
