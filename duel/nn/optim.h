// Optimisers, with PyTorch's formulas and defaults. Each keeps its model's parameters in one flat buffer and its state
// in others laid out alike, and moves what follows the parameters in the same pass. Rates, their factors and betas are
// not state: whoever sets them by a schedule sets them again after a resume.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string_view>

#include "duel/autograd/grad.h"
#include "duel/nn/module.h"
#include "duel/tensor/backend.h"

namespace duel {

/// A tensor that follows another of its shape, dtype and strides: average += share * (source - average), share in
/// [0, 1]; 1 copies.
struct Average {
  Tensor source, average;
  double share;
};

/// Updates the parameters of one model. They stay where they are from its construction on: write them in place only.
/// `step` throws when something has moved them since, such as a second optimiser over a model that shares them.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  const Variables& parameters() const { return parameters_; }
  /// Of `parameters()`, in their order.
  const std::vector<std::string>& names() const { return names_; }
  /// One update. `grads` in the order of `parameters()`: what `gradients(std::move(loss), optimizer)` returns. Those of
  /// frozen parameters are not looked at and may be undefined.
  void step(const Variables& grads);

  // The same in two parts, for updates that are recorded once and done often (see CapturedStep).
  /// Counts a step and puts its rates where `update` finds them: to be done before each.
  void begin_step();
  /// Updates the parameters, by work on their device alone. If a `loss` is given, one element on that device, and it is
  /// not finite by then, nothing changes but averages of other dtypes, which are copies.
  void update(const Variables& grads, const Tensor& loss = {});

  /// What every update moves besides from now on, in its pass over the parameters: averages of parameters as they then
  /// are, frozen ones too, and of any other tensors on their device (see Ema::averages). Set anew before `begin_step`
  /// where shares change; recorded updates go on with as many of the same tensors. Those of another dtype than the
  /// parameters' can only be copies. Throws for tensors that differ in shape, dtype, strides or device.
  void set_averages(std::vector<Average> averages);
  const std::vector<Average>& averages() const { return averages_; }

  /// Keeps bfloat16 copies of those parameters that were converted to it since (see mixed_precision.h): updates write
  /// them, passes through the network read them. To be called before work that may be recorded, of which it makes
  /// another variant; returns how many it keeps. Makes good those that are stale since somebody wrote the parameters.
  std::size_t keep_casts();
  /// To be called after such work: has it written parameters after their update, none are kept from now on.
  void check_casts();

  double lr() const { return lr_; }
  void set_lr(double lr);

  /// Multiplies the rate of the parameters that `pattern` names, in place of the factor they had: discriminative
  /// learning rates. With 0 they are frozen: neither they nor their state change in any way, no gradient is needed, and
  /// later they go on as if the steps in between had not been. In a pattern, * stands for any characters and ? for any
  /// one; it must match a name, or the part of one before a dot: "layers.1" is all parameters of that layer. Throws,
  /// having changed nothing, if it matches none. Adds "missed_steps" to the state when it first freezes: freeze, as
  /// the run to be resumed did, before loading its state.
  void set_lr_scale(std::string_view pattern, double scale);
  /// Of parameter number `i`; 1 at first.
  double lr_scale(std::size_t i) const { return lr_scales_.at(i); }
  bool is_frozen(std::size_t i) const { return lr_scale(i) == 0; }
  /// How often the set of frozen parameters has changed.
  std::int64_t freezes() const { return freezes_; }
  /// Those of `parameters()` that are not frozen.
  Variables trainable() const;

  /// Adam's and AdamW's beta1, in [0, 1), or the momentum of an `Sgd` that has one, in [0, 1]; throws for others.
  virtual void set_beta1(double beta1);
  /// Adam's and AdamW's beta2, in [0, 1), or RmsProp's alpha, in [0, 1]; throws for others. Bias corrections are made
  /// with the betas of the step, as PyTorch does.
  virtual void set_beta2(double beta2);

  std::int64_t steps() const { return static_cast<std::int64_t>(steps_.item()); }
  /// Names the state for a checkpoint: "step", "exp_avg.main.0.weight" ...
  void visit(Visitor& v);

 protected:
  template <class Model>
  Optimizer(Model& model, double lr) : Optimizer(Flat{flatten_parameters(model), named_parameters(model)}, lr) {}

  /// A state tensor per parameter, zero at first, in a flat buffer of its own. Kernels get them in the order in which
  /// they were added.
  void add_state(const char* name);

  /// One parameter's share in a step.
  struct Share {
    double rate;
    std::int64_t step;  ///< which one of this parameter's it is, from 1
    double average_share = 0;
  };

 private:
  struct Flat {  // made in this order: the parameters as they are after the move
    Tensor buffer;
    std::vector<std::pair<std::string, Variable>> named;
  };
  Optimizer(Flat flat, double lr);
  /// Turns the shares of those that take part in an update into what the kernel takes, kept until the next call.
  virtual std::span<const double> prepare(const std::vector<Share>& shares) = 0;
  /// What was prepared last, of these parameters.
  virtual void apply(std::span<const ParameterTensors> parameters, const UpdateControl& control) = 0;
  void check_gradients(const Variables& grads) const;
  bool takes_part(std::size_t i) const { return !is_frozen(i) || average_of_[i] != kNone || casts_[i].defined(); }
  /// Of another tensor than the parameters, for the kernel.
  bool is_apart(const Average& a) const {
    return a.source.dtype() == flat_.dtype() && a.source.storage() != flat_.storage();
  }
  /// What the kernel is to move, in the order of the shares that were prepared.
  std::vector<ParameterTensors> taking_part(const Variables& grads) const;

  Tensor flat_;
  std::vector<std::string> names_;
  Variables parameters_;
  std::vector<std::pair<std::string, std::vector<Tensor>>> state_;  // by name, a tensor per parameter
  double lr_;
  std::vector<double> lr_scales_;
  std::int64_t freezes_ = 0;
  Tensor steps_ = Tensor::zeros({}, {.dtype = DType::int64});
  Tensor missed_steps_;  ///< int64, per parameter, those while it was frozen; undefined until one is
  /// Where the kernel finds what was prepared: a table for each number of rows, filled before every update, which stays
  /// where recorded updates read it. None on the CPU.
  std::map<std::int64_t, Tensor> device_steps_;
  std::vector<Average> averages_;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::vector<std::size_t> average_of_;  ///< each parameter: which one of averages_, or kNone
  std::vector<Tensor> casts_;            ///< of each parameter, or undefined
  std::vector<bool> wanted_casts_;       ///< likewise: whether a pass before an update has asked for one
  bool keeps_casts_ = true;
};

/// The gradients that `optimizer.step` takes: `grad(loss, optimizer.parameters())`, but undefined, and not computed,
/// for frozen parameters. Consumes the loss's graph as `grad` does.
Variables gradients(Variable&& loss, const Optimizer& optimizer, const GradOptions& options = {});
Variables gradients(const Variable& loss, const Optimizer& optimizer, const GradOptions& options = {});

/// Adds `grads` to `total`, one by one: for one `step` after several batches (gradient accumulation), the loss of each
/// divided by their number. An empty `total` becomes `grads`. Throws, having added nothing, unless they are as many, of
/// the same shapes and dtypes; those of frozen parameters are undefined in both, and stay so.
void accumulate(Variables& total, Variables grads);

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;  ///< added to the gradient
};

/// Kingma and Ba 2015; epsilon after the bias correction, outside the root.
class Adam : public Optimizer {
 public:
  template <class Model>
  explicit Adam(Model& model, AdamOptions o = {}) : Optimizer(model, o.lr), options_(check_options(o)) {
    add_state("exp_avg");
    add_state("exp_avg_sq");
  }
  void set_beta1(double beta1) override;
  void set_beta2(double beta2) override;

 protected:
  virtual AdamStep adam_step(const Share& share) const;
  AdamOptions options_;

 private:
  static AdamOptions check_options(const AdamOptions& o);
  std::span<const double> prepare(const std::vector<Share>& shares) override;
  void apply(std::span<const ParameterTensors> parameters, const UpdateControl& control) override;
  std::vector<AdamStep> prepared_;
};

struct AdamWOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0.01;  ///< taken from the parameter, times the rate
};

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
class AdamW : public Adam {
 public:
  template <class Model>
  explicit AdamW(Model& model, AdamWOptions o = {})
      : Adam(model, {.lr = o.lr, .beta1 = o.beta1, .beta2 = o.beta2, .eps = o.eps, .weight_decay = o.weight_decay}) {}

 private:
  AdamStep adam_step(const Share& share) const override;
};

struct SgdOptions {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
};

class Sgd : public Optimizer {
 public:
  template <class Model>
  explicit Sgd(Model& model, SgdOptions o = {})
      : Optimizer(model, o.lr), options_(check_options(o)), has_momentum_(o.momentum != 0) {
    if (has_momentum_) add_state("momentum_buffer");
  }
  void set_beta1(double momentum) override;

 private:
  static SgdOptions check_options(const SgdOptions& o);
  std::span<const double> prepare(const std::vector<Share>& shares) override;
  void apply(std::span<const ParameterTensors> parameters, const UpdateControl& control) override;
  SgdOptions options_;
  bool has_momentum_;
  std::vector<SgdStep> prepared_;
};

struct RmsPropOptions {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0;
};

class RmsProp : public Optimizer {
 public:
  template <class Model>
  explicit RmsProp(Model& model, RmsPropOptions o = {}) : Optimizer(model, o.lr), options_(check_options(o)) {
    add_state("square_avg");
  }
  void set_beta2(double alpha) override;

 private:
  static RmsPropOptions check_options(const RmsPropOptions& o);
  std::span<const double> prepare(const std::vector<Share>& shares) override;
  void apply(std::span<const ParameterTensors> parameters, const UpdateControl& control) override;
  RmsPropOptions options_;
  std::vector<RmsPropStep> prepared_;
};

enum class OptimizerKind : std::uint8_t { adam, adamw, rmsprop, sgd };

/// "adam", "adamw", "rmsprop", "sgd".
const std::vector<std::string>& optimizer_names();
/// Throws, naming the nearest one, for a name that there is not.
OptimizerKind optimizer_kind(std::string_view name);
std::string_view name_of(OptimizerKind kind);

/// Any optimiser's options; what its kind does not have is not used.
struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::adam;
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;  ///< Adam, AdamW
  double eps = 1e-8;                  ///< all but SGD
  double weight_decay = 0;            ///< decoupled for AdamW, for the others added to the gradient
  double momentum = 0;                ///< SGD
  double alpha = 0.99;                ///< RMSprop

  friend bool operator==(const OptimizerOptions&, const OptimizerOptions&) = default;
};

template <class Model>
std::unique_ptr<Optimizer> make_optimizer(Model& model, const OptimizerOptions& o) {
  switch (o.kind) {
    case OptimizerKind::adam:
      return std::make_unique<Adam>(model, AdamOptions{o.lr, o.beta1, o.beta2, o.eps, o.weight_decay});
    case OptimizerKind::adamw:
      return std::make_unique<AdamW>(model, AdamWOptions{o.lr, o.beta1, o.beta2, o.eps, o.weight_decay});
    case OptimizerKind::rmsprop:
      return std::make_unique<RmsProp>(model, RmsPropOptions{o.lr, o.alpha, o.eps, o.weight_decay});
    case OptimizerKind::sgd:
      return std::make_unique<Sgd>(model,
                                   SgdOptions{.lr = o.lr, .momentum = o.momentum, .weight_decay = o.weight_decay});
  }
  fail("make_optimizer", "there is no optimiser of kind ", static_cast<int>(o.kind));
}

/// Makes the norm of all gradients together, sqrt(sum of squares), at most `max_norm`: if it is larger, each is
/// multiplied by max_norm / (norm + 1e-6), as PyTorch does. Undefined ones are passed over. Returns the norm before,
/// shape [] on their device. On the CPU throws, having changed nothing, when it is not finite; elsewhere nobody waits
/// for it, and the gradients become NaN.
Tensor clip_grad_norm(Variables& grads, double max_norm);
/// Limits every element of every gradient to [-limit, limit].
void clip_grad_value(Variables& grads, double limit);

/// Limits every parameter to [-limit, limit]: the critic of the first WGAN (Arjovsky et al. 2017).
void clip_weights(const Variables& parameters, double limit);

}  // namespace duel
