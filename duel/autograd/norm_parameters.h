// What normalisations share on variables: their checks, gain and bias in the forms that kernels and formulas want, and
// the calls of the kernels.
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/backend.h"

namespace duel {

/// Gain and bias: [C], [N, C] or undefined.
struct AffineParameters {
  Variable gain, bias;
};

/// Gain and bias in the dtype that goes with x (see mixed_precision.h). Throws, naming the operation, unless x is a
/// floating [N, C, ...], gain and bias are undefined, [C] or [N, C] and can follow it, eps >= 0, and the rectifier's
/// slope lies in [0, 1].
AffineParameters checked_affine(const char* name, const Variable& x, const Variable& gain, const Variable& bias,
                                double eps, Rectifier r = {});

/// What a tensor of statistics of x needs.
TensorOptions statistics_options(const Variable& x);

/// What a normalisation is computed from besides its input.
struct Normalizer {
  Variable gain, bias;  // as above
  Tensor mean, rstd;
  Rectifier rectifier;
};

/// The kernels of batch or group normalisation.
using NormalizeKernel = decltype(Backend::normalize_channels);
using NormGradKernel = decltype(Backend::batch_norm_grad);

/// The normalisation of x, channels-last.
Tensor normalized(NormalizeKernel kernel, const Variable& x, const Normalizer& n);

/// The gradients of x, gain and bias where the statistics are those of x. The kernel gives those of gain and bias as
/// [rows, C].
Variables normalized_grads(NormGradKernel kernel, const Backward& b, const Variable& x, const Normalizer& n,
                           std::int64_t rows);

/// [C] or [N, C] as [1 or N, C, 1, ...], to broadcast against x.
Variable over_space(const Variable& parameter, const Variable& x);

/// y * gain + bias, each [C], [N, C] or undefined.
Variable scale_and_shift(Variable y, const Variable& gain, const Variable& bias);

/// 1 / sqrt(var + eps)
Tensor reciprocal_stddev(const Tensor& var, double eps);

}  // namespace duel
