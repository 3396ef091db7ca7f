// Backend: the table of kernels. Each device fills one; everything above it computes through it and through nothing
// else. Kernels write into tensors that the caller made; arguments have been checked by the operation that calls, and
// what a kernel takes for granted is written at its slot.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
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

/// What an operation does to its result on the way to memory: leaky ReLU of this slope, from 0 (ReLU) to 1 (nothing).
struct Rectifier {
  double slope = 1;
  friend bool operator==(const Rectifier&, const Rectifier&) = default;
};

/// What a convolution does to its result before it leaves the cache: y = rectifier(y + bias).
struct Epilogue {
  Tensor bias;  ///< [channels of the result], contiguous, of its dtype (float32 for bfloat16); or undefined
  Rectifier rectifier;
};

enum class SortOrder : std::uint8_t { ascending, descending };

/// What lies outside a picture: zeros, its nearest pixel, or its mirror image (the border pixel itself not repeated).
enum class PadMode : std::uint8_t { zeros, replicate, reflect };

/// A sparse matrix [out, in] as resampling needs it: output o is the sum of weight[t] * input[index[t]] for
/// first[o] <= t < first[o + 1].
struct Taps {
  Tensor first;   // int64 [out + 1]
  Tensor index;   // int64 [taps]
  Tensor weight;  // float64 [taps]
};

/// One step of Adam. `rate` is the learning rate, the bias corrections are 1 - beta^t.
struct AdamStep {
  double rate, beta1, beta2, eps;
  double weight_decay = 0;     ///< added to the gradient (Adam) ...
  double decoupled_decay = 0;  ///< ... or taken from the parameter, times the rate (AdamW)
  double correction1, correction2;
  double average_share = 0;  ///< of the parameter in its average: average += share * (param - average); 1 copies
};

struct SgdStep {
  double rate, momentum = 0, weight_decay = 0;
  double gradient_share = 1;  ///< of the gradient in the momentum buffer: 1 - dampening, and 1 in the first step
  double average_share = 0;   ///< as AdamStep's
};

struct RmsPropStep {
  double rate, alpha, eps;
  double weight_decay = 0;
  double average_share = 0;  ///< as AdamStep's
};

/// A parameter, its gradient, what its optimiser keeps for it (Adam's exp_avg and exp_avg_sq, SGD's momentum or
/// undefined, RMSprop's square_avg), and what follows it once it is updated. All of one shape, strides and, but for
/// `cast`, dtype, and dense. Without a gradient nothing is updated, and what follows follows.
struct ParameterTensors {
  Tensor param, grad;
  Tensor state[2]{};
  Tensor average{};  ///< moved by the step's average_share; or undefined
  Tensor cast{};     ///< bfloat16: the parameter, rounded; or undefined
};

/// What an update that is recorded now and done later finds in the memory of its device by then.
struct UpdateControl {
  /// float64 [parameters, members]: the steps, each with its members in their order, in place of those given; or
  /// undefined.
  Tensor steps;
  /// float32 or float64, one element: if it is NaN or infinite, nothing is updated; or undefined.
  Tensor loss;
};

/// The running statistics of a norm: mean and var [C], and how many batches they have taken in, int64, one element.
struct RunningStatistics {
  Tensor mean, var, count;
};

/// A weight as a matrix W [R, C * K], with the vectors that the power method finds for its largest singular value:
/// u [R] and v [C * K], contiguous and of its dtype.
struct PowerMethod {
  Tensor weight;          ///< [R, C, K], of any strides: W's columns are numbered c * K + k
  Tensor from_u, from_v;  ///< where it begins; from_v is read only where there are no iterations
  Tensor u, v, divisor;   ///< what it finds; divisor [1] is sigma = u' W v. If |sigma| <= eps: zeros, and 1
  Tensor to_u, to_v;      ///< where u and v are kept too if sigma > eps, perhaps from_u and from_v; or undefined
  Tensor to_sigma;        ///< [1]: likewise sigma, whatever it is
};

/// Blocks of random numbers (see Rng): those of stream `seed` from `counter` on.
struct RandomBlocks {
  std::uint64_t seed, counter;
  Tensor device_seed{};  ///< int64 [1] on the device that draws: the seed, in place of `seed`; or undefined
};

struct Backend {
  std::string (*describe)();  ///< "cpu, AVX-512, 2 threads"

  // Moving. `dst` may have any strides but no two of its elements may share memory.
  void (*copy)(const Tensor& src, const Tensor& dst);  ///< same shape (broadcast strides allowed in src), any dtypes
  void (*fill)(const Tensor& dst, double value);

  // Pointwise, float32 or float64, any strides. x, a, b have y's shape (stride 0 where they broadcast) and dtype.
  void (*unary)(UnaryOp op, const Tensor& x, const Tensor& y, Constants c);
  void (*binary)(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y, Constants c);

  /// y = condition != 0 ? a : b, elementwise; all of y's shape (stride 0 where they broadcast) and dtype.
  void (*where)(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& y);

  /// y = x summed over the dimensions where y has size 1 and x has more. Same number of dimensions.
  void (*sum)(const Tensor& x, const Tensor& y);
  /// y = the largest element likewise.
  void (*amax)(const Tensor& x, const Tensor& y);

  /// y[b] = a[b] b[b] + bias; a [B, M, K], b [B, K, N], y [B, M, N] of any strides; a and b may have B-stride 0. K may
  /// be 0. bias [N], contiguous, of y's dtype; or undefined.
  void (*matmul)(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& bias);

  // Convolution (cross-correlation, as in PyTorch). x [N, C, H, W], y [N, O, OH, OW], w [O, C / groups, KH, KW]; all
  // channels-last and of one dtype. Without an epilogue each is linear in both its inputs and a transpose of the
  // others.
  void (*conv2d)(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g, const Epilogue& e);
  void (*conv2d_input_grad)(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g,
                            const Epilogue& e);
  void (*conv2d_weight_grad)(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g);
  /// Back through an epilogue with result y: dx = dy where y is above 0, else slope * dy, and dbias [C] = the sum of dx
  /// over all but C. y, dy, dx [N, C, H, W], channels-last; dx may be dy. dbias may be undefined.
  void (*epilogue_grad)(const Tensor& y, const Tensor& dy, Rectifier r, const Tensor& dx, const Tensor& dbias);

  // Along dimension d; any strides.
  void (*cumsum)(const Tensor& x, const Tensor& y, int d);
  /// The first y.size(d) indices, int64, of x's elements in the given order; stable, NaN counts as largest.
  void (*argsort)(const Tensor& x, const Tensor& index, int d, SortOrder order);

  // Look-up along dimension d and its transpose; any strides. Indices int64, checked by the kernel before it writes.
  /// y[.., i, ..] = x[.., index[i], ..]; index [y.size(d)].
  void (*index_select)(const Tensor& x, const Tensor& index, const Tensor& y, int d);
  /// y[.., index[i], ..] += g[.., i, ..] in the order of i, the rest untouched.
  void (*index_add)(const Tensor& g, const Tensor& index, const Tensor& y, int d);
  /// y[.., i, ..] = x[.., index[.., i, ..], ..]; index of y's shape; x's other sizes are y's.
  void (*gather)(const Tensor& x, const Tensor& index, const Tensor& y, int d);
  /// y[.., index[.., i, ..], ..] += g[.., i, ..] in the order of i, the rest untouched.
  void (*scatter_add)(const Tensor& g, const Tensor& index, const Tensor& y, int d);

  // Resampling of [N, C, H, W], channels-last.
  /// y = h x w': every output row and column is a weighted sum of some rows and columns of the input.
  void (*resample2d)(const Tensor& x, const Taps& h, const Taps& w, const Tensor& y);
  /// The largest element of each window, the first of equal ones, and its place ih * W + iw, int64 in the layout of y;
  /// padding is never largest, NaN is. Every window has an element; H * W is below 2^31.
  void (*max_pool2d)(const Tensor& x, const Tensor& y, const Tensor& index, Size2 kernel, const Conv2dGeometry& g);
  /// Bilinear look-up at grid [N, OH, OW, 2], row-major (x then y, -1 and 1 being the picture's outer edges, `reflect`
  /// about these: see grid_place.h), and its transpose in x: dx is written whole.
  void (*grid_sample)(const Tensor& x, const Tensor& grid, const Tensor& y, PadMode outside);
  void (*grid_sample_input_grad)(const Tensor& dy, const Tensor& grid, const Tensor& dx, PadMode outside);

  // Batch normalisation. x, y, dy, dx [N, C, S...] channels-last (row-major [N, C] for two dimensions); mean, rstd [C];
  // gain, bias: undefined (1 and 0), or [N, C] of any strides: stride 0 over N makes the ordinary [C] parameters.
  /// The biased mean and variance of each channel over N and S. At least one element per channel.
  void (*channel_moments)(const Tensor& x, const Tensor& mean, const Tensor& var);
  /// y = (x - mean) * rstd * gain + bias, rectified.
  void (*normalize_channels)(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                             const Tensor& bias, Rectifier r, const Tensor& y);
  /// dx for the statistics of x itself (rstd = 1 / sqrt(var + eps)), and per sample: dgain[n, c] = sum_s g * xhat and
  /// dbias[n, c] = sum_s g, both row-major [N, C]; g is dy, times the slope where y was not above 0. dx may be dy.
  /// Where gain and bias are the same for all samples, dgain and dbias may be [1, C]: the sums over all.
  void (*batch_norm_grad)(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                          const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias);
  /// running.mean += momentum * (mean - running.mean), running.var likewise with var * var_scale, and one more batch
  /// counted. Without a momentum it is 1 / that count: their plain mean. All but the count of one dtype.
  void (*update_running)(const Tensor& mean, const Tensor& var, double var_scale, std::optional<double> momentum,
                         const RunningStatistics& running);

  // Group normalisation: the same over the C / G channels of a group and S, for each sample by itself. x, y, dy, dx
  // [N, C, S...] channels-last; mean, var, rstd [N, G], row-major; gain and bias as above.
  /// The biased mean and variance of each group. At least one element in each.
  void (*group_moments)(const Tensor& x, const Tensor& mean, const Tensor& var);
  void (*normalize_groups)(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                           const Tensor& bias, Rectifier r, const Tensor& y);
  void (*group_norm_grad)(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                          const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias);

  // Over the rows of [R, D], row-major. D is at least 1.
  void (*softmax)(const Tensor& x, const Tensor& y);
  void (*log_softmax)(const Tensor& x, const Tensor& y);
  void (*softmax_grad)(const Tensor& y, const Tensor& dy, const Tensor& dx);
  void (*log_softmax_grad)(const Tensor& y, const Tensor& dy, const Tensor& dx);

  /// y = softmax(scale q k') v for each of B; q [B, T, D], k [B, S, D], v [B, S, E], y [B, T, E], row-major; S is at
  /// least 1. lse [B, T] = log sum exp of the rows of scale q k'. Memory for T * S scores is bounded.
  void (*attention)(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y,
                    const Tensor& lse);
  void (*attention_grad)(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y,
                         const Tensor& lse, const Tensor& dy, const Tensor& dq, const Tensor& dk, const Tensor& dv);

  // Spectral normalisation, float32 or float64.
  /// For each: `iterations` times v = unit(W' u), u = unit(W v), where unit(x) = x / max(|x|, eps).
  void (*power_method)(std::span<const PowerMethod> weights, std::int64_t iterations, double eps);
  /// Back through y = weight / (u' weight v), u and v being constants: dx = (dy - <dy, y> u v') / divisor. y, dy, dx
  /// [R, C, K] of any strides, the rest as in PowerMethod; dx may be dy.
  void (*spectral_norm_grad)(const Tensor& y, const Tensor& dy, const Tensor& u, const Tensor& v, const Tensor& divisor,
                             const Tensor& dx);

  // Random numbers into dense tensors, in row-major order of the elements (see Rng).
  void (*uniform)(const Tensor& y, const RandomBlocks& r, double low, double high);
  void (*normal)(const Tensor& y, const RandomBlocks& r, double mean, double stddev);
  /// y = x times 1 / (1 - p), or 0 with probability p: where the number that `uniform` would draw there in [0, 1) is
  /// not below 1 - p. x has y's shape and dtype, and any strides.
  void (*dropout)(const Tensor& x, const RandomBlocks& r, double p, const Tensor& y);
  /// seed = that of the stream that `Rng::split` makes of block r.counter; int64 [1].
  void (*split_seed)(const Tensor& seed, const RandomBlocks& r);

  // Optimiser steps of several parameters, of one dtype, in place and in one pass: steps[i] is that of parameters[i].
  void (*adam)(std::span<const ParameterTensors> parameters, std::span<const AdamStep> steps,
               const UpdateControl& control);
  void (*sgd)(std::span<const ParameterTensors> parameters, std::span<const SgdStep> steps,
              const UpdateControl& control);
  void (*rmsprop)(std::span<const ParameterTensors> parameters, std::span<const RmsPropStep> steps,
                  const UpdateControl& control);
};

/// The table of `device`; throws when this build or this machine has none.
const Backend& backend(Device device);

}  // namespace duel
