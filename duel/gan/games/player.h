// Player: one side of a game, the networks that one optimiser moves.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "duel/nn/optim.h"
#include "duel/tensor/captured_step.h"

namespace duel {

struct LearningOptions {
  std::int64_t accumulations = 1;  ///< batches per update; the update minimises the mean of their losses
  double clip_norm = 0;            ///< limit of the norm of all gradients together; 0: none
};

/// A loss that is NaN or infinite.
class NotFinite : public Error {
 public:
  using Error::Error;
};

class Player {
 public:
  /// `networks`: any module, which must outlive the player. `name` is for messages: "generator".
  template <class Module>
  Player(std::string name, Module& networks, const OptimizerOptions& optimizer, const LearningOptions& learning = {})
      : name_(std::move(name)), learning_(checked(learning)), optimizer_(make_optimizer(networks, optimizer)) {
    health_ = Tensor::zeros({}, {DType::float64, optimizer_->parameters().at(0).value().device()});
  }

  /// One update. `loss`, called once for each of the batches to be accumulated, computes a loss, shape []. Throws
  /// NotFinite for one that is not, before anything was updated with it. Returns the mean loss.
  double minimize(const std::function<Variable()>& loss);

  // The same for work that may be recorded (see CapturedStep).
  /// The part of the host of a recorded update: to be done before each.
  void begin_update() { optimizer_->begin_step(); }
  /// One update by the mean of `losses`, each called once, in order; that mean, float64 [], on the device of the
  /// networks or the CPU. Doing::now: as `minimize`. Doing::recorded: an update whose loss, or norm of gradients to be
  /// clipped, turns out not to be finite is left out, and this mean and all later ones are NaN.
  Tensor learn(const std::vector<std::function<Variable()>>& losses, Doing doing);
  /// The value of what `learn` gave; throws NotFinite.
  double value_of(const Tensor& mean_loss) const;

  const std::string& name() const { return name_; }
  Optimizer& optimizer() { return *optimizer_; }
  const LearningOptions& learning() const { return learning_; }
  /// Keeps the norm of each parameter's gradient of the next update.
  void watch_gradients() { watched_ = true; }
  bool is_watched() const { return watched_; }
  /// Of recorded updates: to be done where the networks are made good again.
  void forget_losses() { health_.fill_(0); }
  /// Those of the last update that was watched, by the parameter's name, before any clipping.
  const std::vector<std::pair<std::string, double>>& gradient_norms() const { return norms_; }
  void visit(Visitor& v) { optimizer_->visit(v); }

 private:
  static LearningOptions checked(const LearningOptions& o);
  void keep_norms(const Variables& gradients);
  [[noreturn]] void refuse(double loss) const;

  std::string name_;
  LearningOptions learning_;
  std::unique_ptr<Optimizer> optimizer_;
  Tensor health_;  ///< of recorded updates, shape []: 0 as long as all losses were finite, then NaN
  bool watched_ = false;
  std::vector<std::pair<std::string, double>> norms_;
};

/// Does the work in which `learning` learn, recorded in `step` where that can be (see CapturedStep). `players`: all
/// whose networks it passes through, those that learn among them.
CapturedStep::Outputs learn(CapturedStep& step, const CapturedStep::Inputs& inputs, const CapturedStep::Work& work,
                            const std::vector<Player*>& players, const std::vector<Player*>& learning);

}  // namespace duel
