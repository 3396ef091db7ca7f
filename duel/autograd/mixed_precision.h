// Mixed precision: parameters are float32, activations may be bfloat16. Parameters follow the activations: the weights
// that a product multiplies are converted to the activation's dtype, by a cast that takes gradients back to float32;
// what is added or scaled by channel (statistics, gains and biases of norms, biases of convolutions) stays float32, and
// kernels take it so. Two activations of different dtypes remain an error.
#pragma once

#include "duel/autograd/pointwise.h"

namespace duel {

/// Of statistics, gains and biases beside an activation of this dtype.
constexpr DType parameter_dtype(DType activation) {
  return activation == DType::bfloat16 ? DType::float32 : activation;
}

/// Whether a parameter of one dtype can be beside an activation of the other: the same, or float32 and bfloat16.
constexpr bool can_follow(DType parameter, DType activation) {
  const auto mixes = [](DType t) { return t == DType::float32 || t == DType::bfloat16; };
  return parameter == activation || (mixes(parameter) && mixes(activation));
}

/// A parameter (or undefined) as `wanted` if it can follow; else as it is, for the operation's own checks.
inline Variable follow(const Variable& parameter, DType wanted) {
  const bool converts = parameter.defined() && parameter.dtype() != wanted && can_follow(parameter.dtype(), wanted);
  return converts ? cast(parameter, wanted) : parameter;
}

}  // namespace duel
