// Layers of the progressive and style-based generators: equalised learning rate (Karras et al. 2018, section 4.1),
// adaptive instance norm (StyleGAN 2019) and modulated convolution (StyleGAN2 2020).
#pragma once

#include "duel/autograd/group_norm.h"
#include "duel/autograd/modulated_conv2d.h"
#include "duel/nn/conv_layers.h"
#include "duel/nn/linear_layers.h"

namespace duel {

struct EqualizedLinearOptions {
  double gain = 1;    ///< sqrt(2) in front of a ReLU, if nothing else makes up for it
  double lr_mul = 1;  ///< slows (below 1) this layer's learning, 0.01 in StyleGAN's mapping network
  Bias bias = Bias::yes;
  double bias_start = 0;  ///< what the bias adds at first
};

/// A linear layer with weights drawn from N(0, 1) / lr_mul and multiplied, each time, by lr_mul * gain / sqrt(in), so
/// that an optimiser that normalises its steps (Adam) moves all layers alike; the bias is multiplied by lr_mul. x [N,
/// in] -> [N, out]
struct EqualizedLinear {
  Variable weight;  // [out, in]
  Variable bias;    // [out]
  EqualizedLinearOptions options;

  EqualizedLinear(Rng& rng, std::int64_t in, std::int64_t out, EqualizedLinearOptions options = {});
  Variable operator()(const Variable& x) const;
  void visit(Visitor& v);
};

struct EqualizedConv2dOptions {
  std::int64_t kernel = 3, stride = 1, padding = 0;
  double gain = 1, lr_mul = 1;
  Bias bias = Bias::yes;
};

/// The same for a convolution: lr_mul * gain / sqrt(in * kernel^2). x [N, in, H, W] -> [N, out, OH, OW]
struct EqualizedConv2d {
  Variable weight;  // [out, in, k, k]
  Variable bias;    // [out]
  EqualizedConv2dOptions options;

  EqualizedConv2d(Rng& rng, std::int64_t in, std::int64_t out, EqualizedConv2dOptions options = {});
  Variable operator()(const Variable& x) const;
  void visit(Visitor& v);
};

/// Instance norm with gain 1 + s and bias t, where (s, t) = A w for a style w: StyleGAN's, eps 1e-8 there.
struct AdaptiveInstanceNorm2d {
  Linear style;  // [2 C, size of w]
  double eps;

  AdaptiveInstanceNorm2d(Rng& rng, std::int64_t channels, std::int64_t style_size, double eps = 1e-8);
  /// x [N, C, H, W], w [N, style_size]
  Variable operator()(const Variable& x, const Variable& w) const;
  void visit(Visitor& v) { v.child("style", style); }
};

struct ModulatedConv2dLayerOptions {
  std::int64_t kernel = 3, stride = 1, padding = 1;
  Demodulate demodulate = Demodulate::yes;  ///< not in the layer that makes colours
  double eps = 1e-8;
};

/// Convolution whose weight a style w scales input channel by input channel, with equalised learning rate and without
/// bias; `affine` makes the scales from w, and starts at 1 for w = 0. Resampling is done before or after (`upfirdn2d`).
struct ModulatedConv2d {
  Variable weight;         // [out, in, k, k]
  EqualizedLinear affine;  // style_size -> in
  ModulatedConv2dLayerOptions options;

  ModulatedConv2d(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t style_size,
                  ModulatedConv2dLayerOptions options = {});
  /// x [N, in, H, W], w [N, style_size] -> [N, out, OH, OW]
  Variable operator()(const Variable& x, const Variable& w) const;
  void visit(Visitor& v);
};

}  // namespace duel
