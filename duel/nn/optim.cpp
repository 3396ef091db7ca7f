#include "duel/nn/optim.h"

#include <algorithm>
#include <cmath>

#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"
#include "duel/tensor/kept_cast.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

// Whether elements lie in the same order: strides of dimensions of size 1 say nothing.
bool lie_alike(const Tensor& a, const Tensor& b) {
  bool alike = a.shape() == b.shape();
  for (int d = 0; d < a.dim() && alike; ++d) alike = a.size(d) == 1 || a.strides()[d] == b.strides()[d];
  return alike;
}

// `grad` in the order of `param`, as the kernels want it.
Tensor laid_out_like(const Tensor& param, const Tensor& grad) {
  if (lie_alike(grad, param)) return grad;
  Tensor copy = Tensor::empty_like(param);
  backend(copy.device()).copy(grad, copy);
  return copy;
}

// Steps have members of one type, and nothing between them.
template <class Step>
std::span<const double> members_of(const std::vector<Step>& steps) {
  static_assert(std::is_standard_layout_v<Step> && sizeof(Step) % sizeof(double) == 0);
  return {reinterpret_cast<const double*>(steps.data()), steps.size() * (sizeof(Step) / sizeof(double))};
}

double checked_rate(double lr) {
  check(std::isfinite(lr) && lr >= 0, "Optimizer", "the learning rate must be finite and not negative, got ", lr);
  return lr;
}

double checked_beta(const char* optimizer, const char* name, double beta) {
  check(beta >= 0 && beta < 1, optimizer, name, " must lie in [0, 1), got ", beta);
  return beta;
}

// * matches any characters, ? any one.
bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, taken = 0;  // the last *, and where in text it ends
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

// The name, and what lies before each of its dots.
std::vector<std::string> leading_parts(const std::string& name) {
  std::vector<std::string> parts{name};
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
    parts.push_back(name.substr(0, dot));
  return parts;
}

// The gradients of the trainable parameters, put in their places among all.
template <class Loss>
Variables trainable_gradients(Loss&& loss, const Optimizer& optimizer, const GradOptions& options) {
  const Variables wanted = optimizer.trainable();
  Variables all(optimizer.parameters().size());
  if (wanted.empty()) return all;
  Variables found = grad(std::forward<Loss>(loss), wanted, options);
  for (std::size_t i = 0, next = 0; i < all.size(); ++i)
    if (!optimizer.is_frozen(i)) all[i] = std::move(found[next++]);
  return all;
}

}  // namespace

Optimizer::Optimizer(Flat flat, double lr) : flat_(flat.buffer), lr_(checked_rate(lr)) {
  for (auto& [name, p] : flat.named) {
    names_.push_back(std::move(name));
    parameters_.push_back(std::move(p));
  }
  lr_scales_.assign(names_.size(), 1);
  average_of_.assign(names_.size(), kNone);
  casts_.resize(names_.size());
  wanted_casts_.resize(names_.size());
}

void Optimizer::set_lr(double lr) { lr_ = checked_rate(lr); }

void Optimizer::set_lr_scale(std::string_view pattern, double scale) {
  check(std::isfinite(scale) && scale >= 0, "Optimizer::set_lr_scale",
        "the factor must be finite and not negative, got ", scale);
  std::vector<std::size_t> matched;
  std::vector<std::string> known;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::vector<std::string> parts = leading_parts(names_[i]);
    if (std::any_of(parts.begin(), parts.end(), [&](const std::string& p) { return glob_matches(pattern, p); }))
      matched.push_back(i);
    known.insert(known.end(), parts.begin(), parts.end());
  }
  check(!matched.empty(), "Optimizer::set_lr_scale", "no parameter is called '", pattern,
        "' or lies in a part of that name", nearest(pattern, known));
  for (std::size_t i : matched) {
    freezes_ += (scale == 0) != is_frozen(i);
    lr_scales_[i] = scale;
  }
  if (scale == 0 && !missed_steps_.defined())
    missed_steps_ = Tensor::zeros({static_cast<std::int64_t>(names_.size())}, {.dtype = DType::int64});
}

Variables Optimizer::trainable() const {
  Variables found;
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (!is_frozen(i)) found.push_back(parameters_[i]);
  return found;
}

void Optimizer::set_beta1(double) { fail("Optimizer::set_beta1", "this optimiser has no momentum"); }
void Optimizer::set_beta2(double) { fail("Optimizer::set_beta2", "this optimiser averages no squares"); }

void Optimizer::add_state(const char* name) {
  const Tensor buffer = Tensor::zeros_like(flat_);
  std::vector<Tensor> state;
  for (const Variable& p : parameters_) {
    const Tensor& v = p.value();
    state.emplace_back(buffer.storage(), v.shape(), v.strides(), v.offset(), v.dtype());
  }
  state_.emplace_back(name, std::move(state));
}

void Optimizer::check_gradients(const Variables& grads) const {
  check(grads.size() == parameters_.size(), "Optimizer::step", grads.size(), " gradients for ", parameters_.size(),
        " parameters");
  for (std::size_t i = 0; i < grads.size(); ++i) {
    check(parameters_[i].node()->lies_in(*flat_.storage()), "Optimizer::step", names_[i],
          " has been moved since this optimiser was made, by another one over a model that shares it, or by set_value; "
          "make one optimiser per model, and last");
    check(is_frozen(i) || (grads[i].defined() && grads[i].shape() == parameters_[i].shape() &&
                           grads[i].dtype() == parameters_[i].dtype()),
          "Optimizer::step", "the gradient of ", names_[i], " is ", grads[i].value(), ", needs ",
          parameters_[i].value());
  }
}

void Optimizer::step(const Variables& grads) {
  check_gradients(grads);
  begin_step();
  update(grads);
}

void Optimizer::begin_step() {
  const std::int64_t step = steps() + 1;
  steps_.fill_(static_cast<double>(step));
  std::int64_t* const missed = missed_steps_.defined() ? missed_steps_.mutable_data<std::int64_t>() : nullptr;
  std::vector<Share> shares;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (is_frozen(i)) ++missed[i];
    if (!takes_part(i)) continue;
    shares.push_back({.rate = lr_ * lr_scales_[i],
                      .step = std::max<std::int64_t>(1, missed ? step - missed[i] : step),  // 0: frozen from the start
                      .average_share = average_of_[i] == kNone ? 0 : averages_[average_of_[i]].share});
  }
  for (const Average& a : averages_)
    if (is_apart(a)) shares.push_back({.rate = 0, .step = 1, .average_share = a.share});
  const std::span<const double> prepared = prepare(shares);
  if (flat_.device() == Device::cpu || shares.empty()) return;
  const auto rows = static_cast<std::int64_t>(shares.size());
  const Tensor table = Tensor::from(prepared, {rows, static_cast<std::int64_t>(prepared.size() / shares.size())});
  if (Tensor& there = device_steps_[rows]; there.defined())
    there.copy_(table);
  else
    there = table.to(flat_.device());
}

std::vector<ParameterTensors> Optimizer::taking_part(const Variables& grads) const {
  std::vector<ParameterTensors> found;
  for (std::size_t i = 0; i < grads.size(); ++i) {
    if (!takes_part(i)) continue;
    ParameterTensors& t = found.emplace_back();
    t.param = parameters_[i].value();
    if (average_of_[i] != kNone) t.average = averages_[average_of_[i]].average;
    t.cast = casts_[i];
    if (is_frozen(i)) continue;
    t.grad = laid_out_like(t.param, grads[i].value());
    for (std::size_t s = 0; s < state_.size(); ++s) t.state[s] = state_[s].second[i];
  }
  for (const Average& a : averages_) {
    if (!is_apart(a)) continue;
    ParameterTensors& t = found.emplace_back();
    t.param = a.source;
    t.average = a.average;
  }
  return found;
}

void Optimizer::update(const Variables& grads, const Tensor& loss) {
  check_gradients(grads);
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    wanted_casts_[i] = wanted_casts_[i] || wants_cast(parameters_[i].value());
  const std::vector<ParameterTensors> moved = taking_part(grads);
  if (moved.empty()) return;
  const auto table = device_steps_.find(std::ssize(moved));
  check(flat_.device() == Device::cpu || table != device_steps_.end(), "Optimizer::update",
        "begin_step comes before it, with the same frozen parameters and averages");
  apply(moved, {flat_.device() == Device::cpu ? Tensor() : table->second, loss});
  for (const Average& a : averages_) {
    if (a.source.dtype() != flat_.dtype())
      Tensor(a.average).copy_(a.source);
    else
      a.average.storage()->bump_version();
  }
  flat_.storage()->bump_version();
  for (std::size_t i = 0; i < casts_.size(); ++i) {
    if (!casts_[i].defined()) continue;
    casts_[i].storage()->bump_version();
    keep_cast(parameters_[i].value(), casts_[i]);
  }
}

void Optimizer::set_averages(std::vector<Average> averages) {
  std::vector<std::size_t> average_of(parameters_.size(), kNone);
  std::map<std::int64_t, std::size_t> parameter_at;
  for (std::size_t i = 0; i < parameters_.size(); ++i) parameter_at[parameters_[i].value().offset()] = i;
  for (std::size_t i = 0; i < averages.size(); ++i) {
    const auto& [source, average, share] = averages[i];
    check(lie_alike(source, average) && source.is_dense() && source.dtype() == average.dtype() &&
              source.device() == average.device() && source.device() == flat_.device(),
          "Optimizer::set_averages", source, " ", source.strides(), " and its average ", average, " ",
          average.strides(), " differ, or are not on the parameters' device, ", name_of(flat_.device()));
    check(share >= 0 && share <= 1 && (share == 1 || source.dtype() == flat_.dtype()), "Optimizer::set_averages",
          "a share must lie in [0, 1], and be 1 for tensors of another dtype than the parameters' ", flat_.dtype(),
          ", got ", share, " of ", source);
    if (source.storage() != flat_.storage()) continue;
    const auto found = parameter_at.find(source.offset());
    check(found != parameter_at.end() && parameters_[found->second].shape() == source.shape(),
          "Optimizer::set_averages", source, " lies among the parameters and is none of them");
    average_of[found->second] = i;
  }
  averages_ = std::move(averages);
  average_of_ = std::move(average_of);
}

std::size_t Optimizer::keep_casts() {
  if (!keeps_casts_) return 0;
  for (std::size_t i = 0; i < casts_.size(); ++i) {
    if (!wanted_casts_[i]) continue;
    const Tensor& param = parameters_[i].value();
    Tensor& copy = casts_[i];
    if (copy.defined() && keeps_cast(param, copy)) continue;
    if (!copy.defined()) {
      const Tensor memory = Tensor::empty({param.numel()}, {.dtype = DType::bfloat16, .device = param.device()});
      copy = Tensor(memory.storage(), param.shape(), param.strides(), 0, DType::bfloat16);
    }
    copy.copy_(param);
    keep_cast(param, copy);
  }
  return static_cast<std::size_t>(std::count(wanted_casts_.begin(), wanted_casts_.end(), true));
}

void Optimizer::check_casts() {
  for (std::size_t i = 0; i < casts_.size(); ++i)
    keeps_casts_ = keeps_casts_ && (!casts_[i].defined() || keeps_cast(parameters_[i].value(), casts_[i]));
  if (keeps_casts_) return;
  casts_.assign(parameters_.size(), {});
}

void Optimizer::visit(Visitor& v) {
  v.buffer("step", steps_);
  v.buffer("missed_steps", missed_steps_);
  for (auto& [state, tensors] : state_)
    for (std::size_t i = 0; i < names_.size(); ++i) v.buffer(state + "." + names_[i], tensors[i]);
}

Variables gradients(Variable&& loss, const Optimizer& optimizer, const GradOptions& options) {
  return trainable_gradients(std::move(loss), optimizer, options);
}

Variables gradients(const Variable& loss, const Optimizer& optimizer, const GradOptions& options) {
  return trainable_gradients(loss, optimizer, options);
}

void accumulate(Variables& total, Variables grads) {
  if (total.empty()) {
    total = std::move(grads);
    return;
  }
  check(total.size() == grads.size(), "accumulate", grads.size(), " gradients to be added to ", total.size());
  for (std::size_t i = 0; i < grads.size(); ++i) {
    const Variable &sum = total[i], &g = grads[i];
    const bool frozen = !sum.defined() && !g.defined();
    check(frozen || (sum.defined() && g.defined() && sum.shape() == g.shape() && sum.dtype() == g.dtype()),
          "accumulate", "gradient ", i, " is ", g.value(), ", needs ", sum.value());
  }
  const NoGrad no_grad;
  for (std::size_t i = 0; i < grads.size(); ++i)
    if (grads[i].defined()) total[i] = total[i] + grads[i];
}

AdamOptions Adam::check_options(const AdamOptions& o) {
  checked_beta("Adam", "beta1", o.beta1);
  checked_beta("Adam", "beta2", o.beta2);
  check(o.eps >= 0 && o.weight_decay >= 0, "Adam", "eps and weight decay must not be negative, got ", o.eps, " and ",
        o.weight_decay);
  return o;
}

void Adam::set_beta1(double beta1) { options_.beta1 = checked_beta("Adam", "beta1", beta1); }
void Adam::set_beta2(double beta2) { options_.beta2 = checked_beta("Adam", "beta2", beta2); }

AdamStep Adam::adam_step(const Share& share) const {
  const double t = static_cast<double>(share.step);
  return {.rate = share.rate,
          .beta1 = options_.beta1,
          .beta2 = options_.beta2,
          .eps = options_.eps,
          .weight_decay = options_.weight_decay,
          .correction1 = 1 - std::pow(options_.beta1, t),
          .correction2 = 1 - std::pow(options_.beta2, t),
          .average_share = share.average_share};
}

AdamStep AdamW::adam_step(const Share& share) const {
  AdamStep s = Adam::adam_step(share);
  s.decoupled_decay = std::exchange(s.weight_decay, 0);
  return s;
}

std::span<const double> Adam::prepare(const std::vector<Share>& shares) {
  prepared_.clear();
  for (const Share& share : shares) prepared_.push_back(adam_step(share));
  return members_of(prepared_);
}

void Adam::apply(std::span<const ParameterTensors> parameters, const UpdateControl& control) {
  backend(parameters[0].param.device()).adam(parameters, prepared_, control);
}

SgdOptions Sgd::check_options(const SgdOptions& o) {
  check(o.momentum >= 0 && o.momentum <= 1 && o.dampening >= 0 && o.dampening <= 1 && o.weight_decay >= 0, "Sgd",
        "momentum and dampening must lie in [0, 1] and weight decay not be negative, got ", o.momentum, ", ",
        o.dampening, " and ", o.weight_decay);
  return o;
}

void Sgd::set_beta1(double momentum) {
  check(has_momentum_, "Sgd", "this one was made without momentum: give it one that is not 0 from the start");
  SgdOptions changed = options_;
  changed.momentum = momentum;
  options_ = check_options(changed);
}

std::span<const double> Sgd::prepare(const std::vector<Share>& shares) {
  prepared_.clear();
  for (const Share& share : shares)
    prepared_.push_back({.rate = share.rate,
                         .momentum = options_.momentum,
                         .weight_decay = options_.weight_decay,
                         .gradient_share = share.step == 1 ? 1 : 1 - options_.dampening,
                         .average_share = share.average_share});
  return members_of(prepared_);
}

void Sgd::apply(std::span<const ParameterTensors> parameters, const UpdateControl& control) {
  backend(parameters[0].param.device()).sgd(parameters, prepared_, control);
}

RmsPropOptions RmsProp::check_options(const RmsPropOptions& o) {
  check(o.alpha >= 0 && o.alpha <= 1 && o.eps >= 0 && o.weight_decay >= 0, "RmsProp",
        "alpha must lie in [0, 1], eps and weight decay not be negative, got ", o.alpha, ", ", o.eps, " and ",
        o.weight_decay);
  return o;
}

void RmsProp::set_beta2(double alpha) {
  RmsPropOptions changed = options_;
  changed.alpha = alpha;
  options_ = check_options(changed);
}

std::span<const double> RmsProp::prepare(const std::vector<Share>& shares) {
  prepared_.clear();
  for (const Share& share : shares)
    prepared_.push_back({.rate = share.rate,
                         .alpha = options_.alpha,
                         .eps = options_.eps,
                         .weight_decay = options_.weight_decay,
                         .average_share = share.average_share});
  return members_of(prepared_);
}

void RmsProp::apply(std::span<const ParameterTensors> parameters, const UpdateControl& control) {
  backend(parameters[0].param.device()).rmsprop(parameters, prepared_, control);
}

const std::vector<std::string>& optimizer_names() {
  static const std::vector<std::string> names{"adam", "adamw", "rmsprop", "sgd"};  // as in OptimizerKind
  return names;
}

OptimizerKind optimizer_kind(std::string_view name) {
  const std::vector<std::string>& names = optimizer_names();
  const auto found = std::find(names.begin(), names.end(), name);
  check(found != names.end(), "optimizer_kind", "there is no optimiser '", name, "'", nearest(name, names));
  return static_cast<OptimizerKind>(found - names.begin());
}

std::string_view name_of(OptimizerKind kind) { return optimizer_names().at(static_cast<std::size_t>(kind)); }

Tensor clip_grad_norm(Variables& grads, double max_norm) {
  check(max_norm > 0, "clip_grad_norm", "the norm must be positive, got ", max_norm);
  const NoGrad no_grad;
  Variable squares = Tensor::scalar(0, DType::float64);
  for (const Variable& g : grads) {
    if (!g.defined()) continue;
    const Variable of_one = sum(square(g.value().to(DType::float64)));
    squares = of_one.value().device() == squares.value().device() ? squares + of_one : of_one;
  }
  const Variable norm = sqrt(squares);
  if (norm.value().device() != Device::cpu) {
    const Variable factor = clamp(max_norm / (norm + 1e-6), 0, 1);
    for (Variable& g : grads)
      if (g.defined()) g = g * factor.value().to(g.dtype());
    return norm.value();
  }
  check(std::isfinite(norm.item()), "clip_grad_norm", "the norm of the gradients is ", norm.item(),
        ": lower the learning rate, or go back to an earlier checkpoint");
  const double factor = max_norm / (norm.item() + 1e-6);
  if (factor < 1)
    for (Variable& g : grads)
      if (g.defined()) g = factor * g;
  return norm.value();
}

void clip_grad_value(Variables& grads, double limit) {
  check(limit > 0, "clip_grad_value", "the limit must be positive, got ", limit);
  const NoGrad no_grad;
  for (Variable& g : grads)
    if (g.defined()) g = clamp(g, -limit, limit);
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
