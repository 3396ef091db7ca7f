// Layers: names, shapes, defaults and initialisations are PyTorch's.
#pragma once

#include "duel/autograd/ops.h"
#include "duel/nn/module.h"

namespace duel {

enum class Bias : std::uint8_t { no, yes };

struct LinearOptions {
  Bias bias = Bias::yes;
};

/// x [N, in] -> [N, out]
struct Linear {
  Variable weight;  // [out, in]
  Variable bias;    // [out]

  Linear(Rng& rng, std::int64_t in, std::int64_t out, LinearOptions options = {});
  Variable operator()(const Variable& x) const { return linear(x, weight, bias); }
  void visit(Visitor& v);
};

/// Sizes are for both directions; for others set `weight` and call the functions conv2d and conv_transpose2d.
struct Conv2dOptions {
  std::int64_t kernel = 3, stride = 1, padding = 0, dilation = 1, groups = 1;
  Bias bias = Bias::yes;
};

/// x [N, in, H, W] -> [N, out, OH, OW]
struct Conv2d {
  Variable weight;  // [out, in / groups, k, k]
  Variable bias;    // [out]
  Conv2dGeometry geometry;

  Conv2d(Rng& rng, std::int64_t in, std::int64_t out, Conv2dOptions options = {});
  Variable operator()(const Variable& x) const { return conv2d(x, weight, bias, geometry); }
  void visit(Visitor& v);
};

struct ConvTranspose2dOptions {
  std::int64_t kernel = 3, stride = 1, padding = 0, output_padding = 0, dilation = 1, groups = 1;
  Bias bias = Bias::yes;
};

/// x [N, in, H, W] -> [N, out, OH, OW]
struct ConvTranspose2d {
  Variable weight;  // [in, out / groups, k, k]
  Variable bias;    // [out]
  Conv2dGeometry geometry;
  Size2 output_padding;

  ConvTranspose2d(Rng& rng, std::int64_t in, std::int64_t out, ConvTranspose2dOptions options = {});
  Variable operator()(const Variable& x) const { return conv_transpose2d(x, weight, bias, geometry, output_padding); }
  void visit(Visitor& v);
};

/// Indices int64 [...] -> [..., size]; rows drawn from N(0, 1).
struct Embedding {
  Variable weight;  // [count, size]

  Embedding(Rng& rng, std::int64_t count, std::int64_t size);
  Variable operator()(const Tensor& index) const { return embedding(weight, index); }
  void visit(Visitor& v) { v.parameter("weight", weight); }
};

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  ///< running = (1 - momentum) running + momentum batch
};

/// The running statistics of a batch norm, and the choice between them and the batch's own.
struct RunningMoments {
  Tensor mean, var;            // [C]
  Tensor num_batches_tracked;  // int64 []

  explicit RunningMoments(std::int64_t channels);
  /// Training normalises with the batch's biased variance and stores the unbiased one; evaluation uses what is stored.
  Variable normalize(const Variable& x, const Variable& gain, const Variable& bias, const BatchNormOptions& options,
                     const Pass& pass);
  void visit(Visitor& v);
};

/// Both BatchNorm1d, x [N, C], and BatchNorm2d, x [N, C, H, W]. At least two elements per channel in training.
struct BatchNorm {
  Variable weight, bias;  // [C]
  RunningMoments running;
  BatchNormOptions options;

  explicit BatchNorm(std::int64_t channels, BatchNormOptions options = {});
  Variable operator()(const Variable& x, const Pass& pass = {}) {
    return running.normalize(x, weight, bias, options, pass);
  }
  void visit(Visitor& v);
};
using BatchNorm1d = BatchNorm;
using BatchNorm2d = BatchNorm;

/// Class-conditional batch norm: gain = 1 + gain.weight[y], bias = bias.weight[y] (BigGAN's convention), both tables
/// starting at 0, so that it starts as a plain normalisation.
struct ConditionalBatchNorm2d {
  Embedding gain, bias;  // [classes, C]
  RunningMoments running;
  BatchNormOptions options;

  ConditionalBatchNorm2d(Rng& rng, std::int64_t channels, std::int64_t classes, BatchNormOptions options = {});
  /// x [N, C, H, W], labels int64 [N]
  Variable operator()(const Variable& x, const Tensor& labels, const Pass& pass = {}) {
    return running.normalize(x, 1 + gain(labels), bias(labels), options, pass);
  }
  void visit(Visitor& v);
};

/// Active in training only; needs Pass::rng there.
struct Dropout {
  double p = 0.5;
  Variable operator()(const Variable& x, const Pass& pass) const;
};
struct Dropout2d {
  double p = 0.5;
  Variable operator()(const Variable& x, const Pass& pass) const;
};

struct ReLU {
  Variable operator()(const Variable& x) const { return relu(x); }
};
struct LeakyReLU {
  double slope = 0.2;
  Variable operator()(const Variable& x) const { return leaky_relu(x, slope); }
};
struct Tanh {
  Variable operator()(const Variable& x) const { return tanh(x); }
};
struct Sigmoid {
  Variable operator()(const Variable& x) const { return sigmoid(x); }
};
struct Softplus {
  Variable operator()(const Variable& x) const { return softplus(x); }
};
/// [N, ...] -> [N, rest]
struct Flatten {
  Variable operator()(const Variable& x) const { return flatten(x); }
};
/// [N, ...] -> [N, shape...]
struct Unflatten {
  Shape shape;
  Variable operator()(const Variable& x) const;
};

}  // namespace duel
