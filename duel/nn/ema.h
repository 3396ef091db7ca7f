// Ema: an exponential moving average of a model's parameters (Polyak averaging), the one to sample from.
#pragma once

#include "duel/nn/module.h"
#include "duel/tensor/backend.h"

namespace duel {

/// Holds a model of its own. Parameters follow `decay * average + (1 - decay) * source`; buffers are copied.
/// Until `start` updates have passed it just copies (BigGAN's ema_start).
template <class Model>
class Ema {
 public:
  Ema(Model& source, double decay, std::int64_t start = 0)
      : model(clone(source)), decay_(decay), start_(start), average_(flatten_parameters(model)) {
    check(decay >= 0 && decay <= 1, "Ema", "the decay must lie in [0, 1], got ", decay);
  }

  /// `step` counts from 0.
  void update(Model& source, std::int64_t step) {
    const Tensor now = flatten_parameters(source);
    if (step < start_) {
      average_.copy_(now);
    } else {
      backend(now.device()).binary(BinaryOp::lerp, average_, now, average_, {1 - decay_});
      average_.storage()->bump_version();
    }
    copy_buffers(source);
  }

  Model model;

 private:
  struct Buffers : Visitor {
    std::vector<Tensor> found;
    void on_parameter(const std::string&, Variable&) override {}
    void on_buffer(const std::string&, Tensor& b) override { found.push_back(b); }
  };

  void copy_buffers(Model& source) {
    Buffers from, to;
    source.visit(from);
    model.visit(to);
    for (std::size_t i = 0; i < from.found.size(); ++i) to.found[i].copy_(from.found[i]);
  }

  double decay_;
  std::int64_t start_;
  Tensor average_;
};

}  // namespace duel
