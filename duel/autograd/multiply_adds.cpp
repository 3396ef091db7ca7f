#include "duel/autograd/multiply_adds.h"

#include <string_view>

namespace duel {

double multiply_adds(const Observer::Operation& op) {
  const std::string_view name = op.name;
  const auto size = [&](std::size_t input, int dim) { return static_cast<double>(op.inputs[input].size(dim)); };
  const auto numel = [](const Variable& v) { return static_cast<double>(v.numel()); };
  // Each pixel of the narrow side meets every weight of its channel there.
  if (name == "conv2d") return numel(op.value) * numel(op.inputs[1]) / size(1, 0);
  if (name == "conv2d_input_grad" || name == "conv_transpose2d")
    return numel(op.inputs[0]) * numel(op.inputs[1]) / size(1, 0);
  if (name == "conv2d_weight_grad")
    return numel(op.inputs[1]) * numel(op.value) / static_cast<double>(op.value.size(0));
  if (name == "matmul") return numel(op.value) * size(0, op.inputs[0].dim() - 1);
  if (name == "attention") return numel(op.inputs[0]) * size(1, 1) + numel(op.value) * size(1, 1);
  return 0;
}

}  // namespace duel
