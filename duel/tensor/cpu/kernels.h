// The CPU's kernels: what `Backend`'s slots of the same names promise (backend.h). Matrix products and convolutions are
// declared in gemm.h and conv2d.h.
#pragma once

#include <cstdint>

#include "duel/tensor/backend.h"

namespace duel::cpu {

/// The CPU's table.
const Backend& cpu_backend();

/// Between any dtypes. To an integer dtype: truncates toward zero, saturates at the ends of its range, NaN becomes 0.
void copy(const Tensor& src, const Tensor& dst);
/// `value` is converted like an element of `copy`.
void fill(const Tensor& dst, double value);

void unary(UnaryOp op, const Tensor& x, const Tensor& y, Constants c);
void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y, Constants c);
void where(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& y);

/// Both accumulate in double. An empty sum is 0.
void sum(const Tensor& x, const Tensor& y);
/// NaN where any element is NaN. Throws for the largest of no elements.
void amax(const Tensor& x, const Tensor& y);

/// Accumulates in double.
void cumsum(const Tensor& x, const Tensor& y, int d);
void argsort(const Tensor& x, const Tensor& index, int d, SortOrder order);

void index_select(const Tensor& x, const Tensor& index, const Tensor& y, int d);
void index_add(const Tensor& g, const Tensor& index, const Tensor& y, int d);
void gather(const Tensor& x, const Tensor& index, const Tensor& y, int d);
void scatter_add(const Tensor& g, const Tensor& index, const Tensor& y, int d);

void channel_moments(const Tensor& x, const Tensor& mean, const Tensor& var);
void normalize_channels(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
                        Rectifier r, const Tensor& y);
void batch_norm_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                     const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias);
void update_running(const Tensor& mean, const Tensor& var, double var_scale, std::optional<double> momentum,
                    const RunningStatistics& running);

void group_moments(const Tensor& x, const Tensor& mean, const Tensor& var);
void normalize_groups(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
                      Rectifier r, const Tensor& y);
void group_norm_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                     const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias);

void power_method(std::span<const PowerMethod> weights, std::int64_t iterations, double eps);
void spectral_norm_grad(const Tensor& y, const Tensor& dy, const Tensor& u, const Tensor& v, const Tensor& divisor,
                        const Tensor& dx);

void uniform(const Tensor& y, const RandomBlocks& r, double low, double high);
void normal(const Tensor& y, const RandomBlocks& r, double mean, double stddev);
void dropout(const Tensor& x, const RandomBlocks& r, double p, const Tensor& y);
void split_seed(const Tensor& seed, const RandomBlocks& r);

void adam(std::span<const ParameterTensors> parameters, std::span<const AdamStep> steps, const UpdateControl& control);
void sgd(std::span<const ParameterTensors> parameters, std::span<const SgdStep> steps, const UpdateControl& control);
void rmsprop(std::span<const ParameterTensors> parameters, std::span<const RmsPropStep> steps,
             const UpdateControl& control);

}  // namespace duel::cpu
