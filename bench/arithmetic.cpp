#include "bench/arithmetic.h"

#include "duel/autograd/multiply_adds.h"

namespace duel::bench {

void LayerObserver::on_operation(const Operation& op) {
  std::string layer = op.name;
  for (const Variable& input : op.inputs)
    if (input.defined()) layer += cat(' ', input.shape());
  LayerTime& time = layers_[layer];
  ++time.calls;
  time.seconds += op.seconds;
  time.gflop += 2e-9 * multiply_adds(op);
}

double LayerObserver::gflop() const {
  double all = 0;
  for (const auto& [name, time] : layers_) all += time.gflop;
  return all;
}

}  // namespace duel::bench
