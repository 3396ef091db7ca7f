// Backend: the table of kernels. Each device fills one; everything above it computes through it and through nothing
// else. Kernels write into tensors that the caller made; arguments have been checked by the operation that calls, and
// what a kernel takes for granted is written at its slot.
#pragma once

#include <cstdint>
#include <string>

#include "duel/tensor/functors.h"
#include "duel/tensor/tensor.h"

namespace duel {

/// The two constants of a pointwise operation.
struct Constants {
  double p = 0, q = 0;
};

struct Size2 {
  std::int64_t h = 1, w = 1;
  friend bool operator==(const Size2&, const Size2&) = default;
};

struct Conv2dGeometry {
  Size2 stride{1, 1}, padding{0, 0}, dilation{1, 1};
  std::int64_t groups = 1;
};

/// One step of Adam. `rate` is the learning rate, the bias corrections are 1 - beta^t.
struct AdamStep {
  double rate, beta1, beta2, eps;
  double weight_decay = 0;     ///< added to the gradient (Adam) ...
  double decoupled_decay = 0;  ///< ... or taken from the parameter, times the rate (AdamW)
  double correction1, correction2;
};

struct SgdStep {
  double rate, momentum = 0, weight_decay = 0;
  double gradient_share = 1;  ///< of the gradient in the momentum buffer: 1 - dampening, and 1 in the first step
};

struct RmsPropStep {
  double rate, alpha, eps;
  double weight_decay = 0;
};

struct Backend {
  std::string (*describe)();  ///< "cpu, AVX-512, 2 threads"

  // Moving. `dst` may have any strides but no two of its elements may share memory.
  void (*copy)(const Tensor& src, const Tensor& dst);  ///< same shape (broadcast strides allowed in src), any dtypes
  void (*fill)(const Tensor& dst, double value);

  // Pointwise, float32 or float64, any strides. x, a, b have y's shape (stride 0 where they broadcast) and dtype.
  void (*unary)(UnaryOp op, const Tensor& x, const Tensor& y, Constants c);
  void (*binary)(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y, Constants c);

  /// y = x summed over the dimensions where y has size 1 and x has more. Same number of dimensions.
  void (*sum)(const Tensor& x, const Tensor& y);
  /// y = the largest element likewise.
  void (*amax)(const Tensor& x, const Tensor& y);

  /// y[b] = a[b] b[b]; a [B, M, K], b [B, K, N], y [B, M, N] of any strides; a and b may have B-stride 0. K may be 0.
  void (*matmul)(const Tensor& a, const Tensor& b, const Tensor& y);

  // Convolution (cross-correlation, as in PyTorch). x [N, C, H, W], y [N, O, OH, OW], w [O, C / groups, KH, KW]; all
  // channels-last and of one dtype. Each is linear in both its inputs and a transpose of the other two.
  void (*conv2d)(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g);
  void (*conv2d_input_grad)(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g);
  void (*conv2d_weight_grad)(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g);

  /// y[i, :] = table[index[i], :]; table [R, D], index int64 [n], y [n, D]. Indices are checked by the kernel.
  void (*gather_rows)(const Tensor& table, const Tensor& index, const Tensor& y);
  /// table[index[i], :] += g[i, :] in the order of i, the rest untouched.
  void (*scatter_add_rows)(const Tensor& g, const Tensor& index, const Tensor& table);

  // Batch normalisation. x, y, dy, dx [N, C, S...] channels-last (row-major [N, C] for two dimensions); mean, rstd [C];
  // gain, bias: undefined (1 and 0), or [N, C] of any strides: stride 0 over N makes the ordinary [C] parameters.
  /// The biased mean and variance of each channel over N and S. At least one element per channel.
  void (*channel_moments)(const Tensor& x, const Tensor& mean, const Tensor& var);
  /// y = (x - mean) * rstd * gain + bias
  void (*normalize_channels)(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                             const Tensor& bias, const Tensor& y);
  /// dx for the statistics of x itself (rstd = 1 / sqrt(var + eps)), and per sample: dgain[n, c] = sum_s dy * xhat and
  /// dbias[n, c] = sum_s dy, both row-major [N, C].
  void (*batch_norm_grad)(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                          const Tensor& dx, const Tensor& dgain, const Tensor& dbias);

  // Random numbers into dense tensors, in row-major order of the elements (see Rng).
  void (*uniform)(const Tensor& y, std::uint64_t seed, std::uint64_t counter, double low, double high);
  void (*normal)(const Tensor& y, std::uint64_t seed, std::uint64_t counter, double mean, double stddev);

  // Optimiser steps, in place and in one pass. All tensors of one call have the same shape, strides and dtype and are
  // dense.
  void (*adam)(const Tensor& param, const Tensor& grad, const Tensor& exp_avg, const Tensor& exp_avg_sq, AdamStep s);
  void (*sgd)(const Tensor& param, const Tensor& grad, const Tensor& momentum,
              SgdStep s);  ///< momentum may be undefined
  void (*rmsprop)(const Tensor& param, const Tensor& grad, const Tensor& square_avg, RmsPropStep s);
};

/// The table of `device`; throws when this build or this machine has none.
const Backend& backend(Device device);

}  // namespace duel
