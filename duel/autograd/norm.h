// Batch normalisation (Ioffe and Szegedy 2015), ordinary and with per-sample gain and bias for conditional use.
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/backend.h"

namespace duel {

/// What batch_norm saw of a batch: per channel [C], of x's dtype, or float32 for bfloat16. Constants.
struct BatchMoments {
  Tensor mean;
  Tensor var;              ///< biased, as used to normalise
  std::int64_t count = 0;  ///< elements per channel
};

/// y = (x - mean) / sqrt(var + eps) * gain + bias with the mean and biased variance of this batch, over all dimensions
/// but 1. x [N, C] or [N, C, S...]; gain and bias [C], or [N, C] for one per sample, or undefined for 1 and 0
/// (float32 beside bfloat16: see mixed_precision.h).
/// A rectifier makes it leaky_relu(y, slope), in the same pass. `moments`, if given, receives the statistics (for
/// running averages). Throws when there is only one element per channel: its normalised value would be 0 whatever x is.
/// The first gradient is one fused kernel; further ones are those of the composite.
Variable batch_norm(const Variable& x, const Variable& gain, const Variable& bias, double eps, Rectifier r = {},
                    BatchMoments* moments = nullptr);

/// The same with given statistics [C], which take no gradient: evaluation.
Variable normalize_channels(const Variable& x, const Tensor& mean, const Tensor& var, const Variable& gain,
                            const Variable& bias, double eps, Rectifier r = {});

}  // namespace duel
