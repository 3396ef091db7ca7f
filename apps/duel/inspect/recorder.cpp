#include "apps/duel/inspect/recorder.h"

namespace duel::app {

const Recorder::Record& Recorder::operator[](std::uint64_t id) const {
  static const Record none;
  const auto found = records_.find(id);
  return found == records_.end() ? none : found->second;
}

void Recorder::on_operation(const Operation& o) {
  if (backward_ || !o.value.node()) return;
  for (const Variable& input : o.inputs)  // leaves are not operations: this is where they are seen
    if (input.node() && input.node()->is_leaf()) records_[input.node()->id()].value = input.value();
  Record& record = records_[o.value.node()->id()];
  record.forward_seconds = o.seconds;
  record.value = o.value.value();
  if (o.in_gradient) record.recorded_by = o.in_gradient->id();
}

void Recorder::on_gradient(const Gradient& g) {
  if (!backward_ || g.in_gradient) return;  // gradients that are part of the loss were recorded as operations
  Record& record = records_[g.node.id()];
  record.backward_seconds = g.seconds;
  record.gradient = g.grad.value();
}

}  // namespace duel::app
