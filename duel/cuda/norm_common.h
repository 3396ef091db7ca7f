// What batch and group normalisation share: batch normalisation is the case of one channel a group and statistics that
// all samples share. Statistics, gain and bias are of the type that is computed in: float32 beside bfloat16.
#pragma once

#include "duel/tensor/backend.h"

namespace duel::cuda {

/// As Backend::normalize_groups; mean and rstd [N, G] of any strides.
void normalize(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
               Rectifier r, const Tensor& y);

/// As Backend::group_norm_grad, and where mean has stride 0 over N as Backend::batch_norm_grad; mean and rstd [N, G] of
/// any strides.
void normalize_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                    const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias);

}  // namespace duel::cuda
