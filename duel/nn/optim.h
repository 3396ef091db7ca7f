// Optimisers, with PyTorch's formulas and defaults. Each keeps its model's parameters in one flat buffer and its state
// in others laid out alike.
#pragma once

#include <memory>

#include "duel/nn/module.h"
#include "duel/tensor/backend.h"

namespace duel {

/// Updates the parameters of one model. They stay where they are from its construction on: write them in place only.
/// `step` throws when something has moved them since, such as a second optimiser over a model that shares them.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  const Variables& parameters() const { return parameters_; }
  /// One update. `grads` in the order of `parameters()`: what `grad(std::move(loss), optimizer.parameters())` returns.
  void step(const Variables& grads);
  double lr() const { return lr_; }
  void set_lr(double lr);
  std::int64_t steps() const { return static_cast<std::int64_t>(steps_.item()); }
  /// Names the state for a checkpoint: "step", "exp_avg.main.0.weight" ...
  void visit(Visitor& v);

 protected:
  template <class Model>
  Optimizer(Model& model, double lr) : Optimizer(Flat{flatten_parameters(model), named_parameters(model)}, lr) {}

  /// A state tensor per parameter, zero at first, in a flat buffer of its own.
  using State = std::vector<Tensor>;
  State& add_state(const char* name);

 private:
  struct Flat {  // made in this order: the parameters as they are after the move
    Tensor buffer;
    std::vector<std::pair<std::string, Variable>> named;
  };
  Optimizer(Flat flat, double lr);
  virtual void update(std::size_t i, const Tensor& param, const Tensor& grad) = 0;

  Tensor flat_;
  std::vector<std::string> names_;
  Variables parameters_;
  std::vector<std::pair<std::string, std::unique_ptr<State>>> state_;
  double lr_;
  Tensor steps_ = Tensor::zeros({}, {.dtype = DType::int64});
};

/// Adds `grads` to `total`, one by one: for one `step` after several batches (gradient accumulation), the loss of each
/// divided by their number. An empty `total` becomes `grads`. Throws, having added nothing, unless they are as many, of
/// the same shapes and dtypes.
void accumulate(Variables& total, Variables grads);

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;  ///< added to the gradient
};

/// Kingma and Ba 2015; epsilon after the bias correction, outside the root.
class Adam : public Optimizer {
 public:
  template <class Model>
  explicit Adam(Model& model, AdamOptions o = {}) : Optimizer(model, o.lr), options_(check_options(o)) {}

 protected:
  virtual AdamStep adam_step() const;
  AdamOptions options_;

 private:
  static AdamOptions check_options(const AdamOptions& o);
  void update(std::size_t i, const Tensor& param, const Tensor& grad) override;
  State& exp_avg_ = add_state("exp_avg");
  State& exp_avg_sq_ = add_state("exp_avg_sq");
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
  AdamStep adam_step() const override;
};

struct SgdOptions {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
};

class Sgd : public Optimizer {
 public:
  template <class Model>
  explicit Sgd(Model& model, SgdOptions o = {})
      : Optimizer(model, o.lr),
        options_(check_options(o)),
        momentum_(o.momentum != 0 ? &add_state("momentum_buffer") : nullptr) {}

 private:
  static SgdOptions check_options(const SgdOptions& o);
  void update(std::size_t i, const Tensor& param, const Tensor& grad) override;
  SgdOptions options_;
  State* momentum_;
};

struct RmsPropOptions {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0;
};

class RmsProp : public Optimizer {
 public:
  template <class Model>
  explicit RmsProp(Model& model, RmsPropOptions o = {}) : Optimizer(model, o.lr), options_(check_options(o)) {}

 private:
  static RmsPropOptions check_options(const RmsPropOptions& o);
  void update(std::size_t i, const Tensor& param, const Tensor& grad) override;
  RmsPropOptions options_;
  State& square_avg_ = add_state("square_avg");
};

/// Limits every parameter to [-limit, limit]: the critic of the first WGAN (Arjovsky et al. 2017).
void clip_weights(const Variables& parameters, double limit);

}  // namespace duel
