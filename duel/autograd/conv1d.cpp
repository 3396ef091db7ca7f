#include "duel/autograd/conv1d.h"

#include "duel/autograd/conv2d.h"
#include "duel/autograd/shape_ops.h"

namespace duel {
namespace {

// `convolve(x, weight)` with a height of 1 put in and taken out again.
template <class Convolve>
Variable along_width(const char* name, const Variable& x, const Variable& weight, const Convolve& convolve) {
  check(x.defined() && weight.defined(), name, "an operand is undefined");
  check(x.dim() == 3 && weight.dim() == 3, name, "needs 3-dimensional input and weight, got ", x.value(), " and ",
        weight.value());
  const auto heightened = [](const Variable& v) { return reshape(v, {v.size(0), v.size(1), 1, v.size(2)}); };
  try {
    const Variable y = convolve(heightened(x), heightened(weight));
    return reshape(y, {y.size(0), y.size(1), y.size(3)});
  } catch (const Error& e) {
    fail(name, "input ", x.value(), " and weight ", weight.value(), " of height 1: ", e.what());
  }
}

Conv2dGeometry flat(const Conv1dGeometry& g) {
  return {.stride = {1, g.stride}, .padding = {0, g.padding}, .dilation = {1, g.dilation}, .groups = g.groups};
}

}  // namespace

Variable conv1d(const Variable& x, const Variable& weight, const Variable& bias, const Conv1dGeometry& g, Rectifier r) {
  return along_width("conv1d", x, weight,
                     [&](const Variable& a, const Variable& b) { return conv2d(a, b, bias, flat(g), r); });
}

Variable conv_transpose1d(const Variable& y, const Variable& weight, const Variable& bias, const Conv1dGeometry& g,
                          std::int64_t output_padding, Rectifier r) {
  return along_width("conv_transpose1d", y, weight, [&](const Variable& a, const Variable& b) {
    return conv_transpose2d(a, b, bias, flat(g), {0, output_padding}, r);
  });
}

}  // namespace duel
