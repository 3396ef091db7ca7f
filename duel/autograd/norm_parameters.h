// What normalisations share on variables: their checks, and gain and bias in the forms that kernels and formulas want.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// Throws, naming the operation, unless x is a floating [N, C, ...], gain and bias are undefined, [C] or [N, C] of its
/// dtype, and eps >= 0.
void check_affine_input(const char* name, const Variable& x, const Variable& gain, const Variable& bias, double eps);

/// [C] or [N, C] as [N, C], a view; undefined stays so.
Tensor per_sample(const Variable& parameter, const Variable& x);

/// [C] or [N, C] as [1 or N, C, 1, ...], to broadcast against x.
Variable over_space(const Variable& parameter, const Variable& x);

/// y * gain + bias, each [C], [N, C] or undefined.
Variable scale_and_shift(Variable y, const Variable& gain, const Variable& bias);

/// 1 / sqrt(var + eps)
Tensor reciprocal_stddev(const Tensor& var, double eps);

}  // namespace duel
