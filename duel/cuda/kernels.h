// The kernels of CUDA's table: what `Backend`'s slots of the same names promise (backend.h), one file per family under
// the name that it has on the CPU.
#pragma once

#include <cstdint>
#include <span>

#include "duel/tensor/backend.h"

namespace duel::cuda {

// copy.cu. Between any dtypes, and between the host and the device. Conversions as on the CPU.
void copy(const Tensor& src, const Tensor& dst);
void fill(const Tensor& dst, double value);

// pointwise_unary.cu, pointwise_binary.cu
void unary(UnaryOp op, const Tensor& x, const Tensor& y, Constants c);
void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y, Constants c);
void where(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& y);

// reduce.cu, cumsum.cu. Sums of float32 are taken in float32, in trees that depend on shapes and strides only; running
// sums in float64.
void sum(const Tensor& x, const Tensor& y);
void amax(const Tensor& x, const Tensor& y);
void cumsum(const Tensor& x, const Tensor& y, int d);

// matmul.cpp, conv2d.cpp
void matmul(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& bias);
void conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g, const Epilogue& e);
void conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g, const Epilogue& e);
void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g);

// epilogue.cu
void epilogue_grad(const Tensor& y, const Tensor& dy, Rectifier r, const Tensor& dx, const Tensor& dbias);

// sort.cu
void argsort(const Tensor& x, const Tensor& index, int d, SortOrder order);

// gather.cu. Indices out of range are a Fault.
void index_select(const Tensor& x, const Tensor& index, const Tensor& y, int d);
void index_add(const Tensor& g, const Tensor& index, const Tensor& y, int d);
void gather(const Tensor& x, const Tensor& index, const Tensor& y, int d);
void scatter_add(const Tensor& g, const Tensor& index, const Tensor& y, int d);

// resample.cu, pool.cu, grid_sample.cu
void resample2d(const Tensor& x, const Taps& h, const Taps& w, const Tensor& y);
void max_pool2d(const Tensor& x, const Tensor& y, const Tensor& index, Size2 kernel, const Conv2dGeometry& g);
void grid_sample(const Tensor& x, const Tensor& grid, const Tensor& y, PadMode outside);
void grid_sample_input_grad(const Tensor& dy, const Tensor& grid, const Tensor& dx, PadMode outside);

// norm.cu
void channel_moments(const Tensor& x, const Tensor& mean, const Tensor& var);
void normalize_channels(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
                        Rectifier r, const Tensor& y);
void batch_norm_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                     const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias);
void update_running(const Tensor& mean, const Tensor& var, double var_scale, std::optional<double> momentum,
                    const RunningStatistics& running);

// group_norm.cu
void group_moments(const Tensor& x, const Tensor& mean, const Tensor& var);
void normalize_groups(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
                      Rectifier r, const Tensor& y);
void group_norm_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                     const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias);

// softmax.cu
void softmax(const Tensor& x, const Tensor& y);
void log_softmax(const Tensor& x, const Tensor& y);
void softmax_grad(const Tensor& y, const Tensor& dy, const Tensor& dx);
void log_softmax_grad(const Tensor& y, const Tensor& dy, const Tensor& dx);

// attention.cu
void attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y, const Tensor& lse);
void attention_grad(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y, const Tensor& lse,
                    const Tensor& dy, const Tensor& dq, const Tensor& dk, const Tensor& dv);

// spectral.cu
void power_method(std::span<const PowerMethod> weights, std::int64_t iterations, double eps);
void spectral_norm_grad(const Tensor& y, const Tensor& dy, const Tensor& u, const Tensor& v, const Tensor& divisor,
                        const Tensor& dx);

// random.cu
void uniform(const Tensor& y, const RandomBlocks& r, double low, double high);
void normal(const Tensor& y, const RandomBlocks& r, double mean, double stddev);
void dropout(const Tensor& x, const RandomBlocks& r, double p, const Tensor& y);
void split_seed(const Tensor& seed, const RandomBlocks& r);

// optim.cu. bfloat16 gradients are not taken: parameters and their gradients are float32 or float64.
void adam(std::span<const ParameterTensors> parameters, std::span<const AdamStep> steps, const UpdateControl& control);
void sgd(std::span<const ParameterTensors> parameters, std::span<const SgdStep> steps, const UpdateControl& control);
void rmsprop(std::span<const ParameterTensors> parameters, std::span<const RmsPropStep> steps,
             const UpdateControl& control);

}  // namespace duel::cuda
