// Ema: an exponential moving average of a model's parameters (Polyak averaging), the one to sample from.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "duel/nn/module.h"
#include "duel/nn/optim.h"
#include "duel/tensor/backend.h"

namespace duel {

/// What becomes of running statistics and the vectors of spectral norms: copied (StyleGAN, R3GAN, MMGeneration), or
/// averaged like parameters (BigGAN-PyTorch, StudioGAN). Buffers of integers, such as counts of batches, are always
/// copied.
enum class EmaBuffers : std::uint8_t { copy, average };

/// The decay with which an average forgets half in `half_life` images, at updates of `batch` images each:
/// 0.5^(batch / half_life). With a ramp, the half-life is at most `rampup` times the images seen so far, so that the
/// average follows closely in the beginning (StyleGAN2: Karras et al. 2020, 0.05; R3GAN). Throws for negative numbers,
/// and a batch below 1.
inline double ema_decay(double half_life, std::int64_t batch, std::int64_t images_seen = 0,
                        std::optional<double> rampup = {}) {
  check(half_life >= 0 && batch >= 1 && images_seen >= 0 && (!rampup || *rampup >= 0), "ema_decay",
        "needs numbers that are not negative, and a batch of 1 or more, got half-life ", half_life, ", batch ", batch,
        ", images seen ", images_seen, ", ramp ", rampup.value_or(0));
  if (rampup) half_life = std::min(half_life, static_cast<double>(images_seen) * *rampup);
  return half_life == 0 ? 0 : std::exp2(-static_cast<double>(batch) / half_life);
}

/// Holds a model of its own. Parameters follow `decay * average + (1 - decay) * source`, buffers as `buffers` says.
/// Until `start` updates have passed it just copies (BigGAN's ema_start).
template <class Model>
class Ema {
 public:
  Ema(Model& source, double decay, std::int64_t start = 0, EmaBuffers buffers = EmaBuffers::copy)
      : model(clone(source)), decay_(checked(decay)), start_(start), buffers_(buffers) {}

  double decay() const { return decay_; }
  /// For decays that change with the step, as `ema_decay`; not part of any state.
  void set_decay(double decay) { decay_ = checked(decay); }

  /// `step` counts from 0.
  void update(Model& source, std::int64_t step) {
    for (const Average& a : averages(source, step)) move(a);
  }
  /// What `update` moves, for the optimiser of the source's parameters to do in its own pass, in place of `update`:
  /// see Optimizer::set_averages.
  std::vector<Average> averages(Model& source, std::int64_t step) {
    State from, to;
    source.visit(from);
    model.visit(to);
    check(from.parameters.size() == to.parameters.size() && from.buffers.size() == to.buffers.size(), "Ema",
          "the source has other parameters or buffers than the model that was averaged first");
    const double share = step < start_ ? 1 : 1 - decay_;
    std::vector<Average> found;
    for (std::size_t i = 0; i < from.parameters.size(); ++i)
      found.push_back({from.parameters[i], to.parameters[i], share});
    for (std::size_t i = 0; i < to.buffers.size(); ++i) {
      const bool copies = buffers_ == EmaBuffers::copy || !is_floating(to.buffers[i].dtype());
      found.push_back({from.buffers[i], to.buffers[i], copies ? 1 : share});
    }
    return found;
  }

  Model model;

 private:
  struct State : Visitor {
    std::vector<Tensor> parameters, buffers;
    void on_parameter(const std::string&, Variable& p) override { parameters.push_back(p.value()); }
    void on_buffer(const std::string&, Tensor& b) override { buffers.push_back(b); }
  };

  static double checked(double decay) {
    check(decay >= 0 && decay <= 1, "Ema", "the decay must lie in [0, 1], got ", decay);
    return decay;
  }

  static void move(const Average& a) {
    if (a.share == 1) {
      Tensor(a.average).copy_(a.source);
      return;
    }
    backend(a.source.device()).binary(BinaryOp::lerp, a.average, a.source, a.average, {a.share});
    a.average.storage()->bump_version();
  }

  double decay_;
  std::int64_t start_;
  EmaBuffers buffers_;
};

}  // namespace duel
