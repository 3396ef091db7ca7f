// Convolution layers. Names, shapes, defaults and initialisations are PyTorch's. With a rectifier, the leaky ReLU that
// follows is done in the same pass.
#pragma once

#include "duel/autograd/ops.h"
#include "duel/nn/linear_layers.h"
#include "duel/nn/module.h"

namespace duel {

struct Conv1dOptions {
  std::int64_t kernel = 3, stride = 1, padding = 0, dilation = 1, groups = 1;
  Bias bias = Bias::yes;
};

/// x [N, in, L] -> [N, out, OL]
struct Conv1d {
  Variable weight;  // [out, in / groups, k]
  Variable bias;    // [out]
  Conv1dGeometry geometry;

  Conv1d(Rng& rng, std::int64_t in, std::int64_t out, Conv1dOptions options = {});
  Variable operator()(const Variable& x, Rectifier r = {}) const { return conv1d(x, weight, bias, geometry, r); }
  void visit(Visitor& v);
};

struct ConvTranspose1dOptions {
  std::int64_t kernel = 3, stride = 1, padding = 0, output_padding = 0, dilation = 1, groups = 1;
  Bias bias = Bias::yes;
};

/// x [N, in, L] -> [N, out, OL]
struct ConvTranspose1d {
  static constexpr int kOutputDim = 1;  ///< of the weight
  Variable weight;                      // [in, out / groups, k]
  Variable bias;                        // [out]
  Conv1dGeometry geometry;
  std::int64_t output_padding;

  ConvTranspose1d(Rng& rng, std::int64_t in, std::int64_t out, ConvTranspose1dOptions options = {});
  Variable operator()(const Variable& x, Rectifier r = {}) const {
    return conv_transpose1d(x, weight, bias, geometry, output_padding, r);
  }
  void visit(Visitor& v);
};

/// Sizes are for both directions; for others set `weight` and call the functions conv2d and conv_transpose2d.
struct Conv2dOptions {
  std::int64_t kernel = 3, stride = 1, padding = 0, dilation = 1, groups = 1;
  Bias bias = Bias::yes;
  PadMode padding_mode = PadMode::zeros;  ///< what lies in the padding, see `pad2d`
};

/// x [N, in, H, W] -> [N, out, OH, OW]
struct Conv2d {
  Variable weight;  // [out, in / groups, k, k]
  Variable bias;    // [out]
  Conv2dGeometry geometry;
  PadMode padding_mode;

  Conv2d(Rng& rng, std::int64_t in, std::int64_t out, Conv2dOptions options = {});
  Variable operator()(const Variable& x, Rectifier r = {}) const;
  /// Of x made twice as high and wide by nearest neighbours, in fewer products: see folded_conv2d.h.
  Variable after_upsampling(const Variable& x, Rectifier r = {}) const;
  /// Followed by the means over 2 x 2, likewise.
  Variable before_pooling(const Variable& x) const;
  void visit(Visitor& v);
};

struct ConvTranspose2dOptions {
  std::int64_t kernel = 3, stride = 1, padding = 0, output_padding = 0, dilation = 1, groups = 1;
  Bias bias = Bias::yes;
};

/// x [N, in, H, W] -> [N, out, OH, OW]
struct ConvTranspose2d {
  static constexpr int kOutputDim = 1;  ///< of the weight
  Variable weight;                      // [in, out / groups, k, k]
  Variable bias;                        // [out]
  Conv2dGeometry geometry;
  Size2 output_padding;

  ConvTranspose2d(Rng& rng, std::int64_t in, std::int64_t out, ConvTranspose2dOptions options = {});
  Variable operator()(const Variable& x, Rectifier r = {}) const {
    return conv_transpose2d(x, weight, bias, geometry, output_padding, r);
  }
  void visit(Visitor& v);
};

}  // namespace duel
