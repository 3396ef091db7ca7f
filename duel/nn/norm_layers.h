// Normalisation within a sample: instance, layer, group and pixel norm. Names, shapes and defaults are PyTorch's. With
// a rectifier, the leaky ReLU that follows is done in the same pass.
#pragma once

#include "duel/autograd/group_norm.h"
#include "duel/nn/batch_norm.h"

namespace duel {

struct InstanceNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;
  Affine affine = Affine::no;
  TrackRunning track_running = TrackRunning::no;
};

/// Each channel of each sample by itself (Ulyanov et al. 2016), x [N, C, ...]. By default without parameters or running
/// statistics, so that training and evaluation are the same (CycleGAN's). Running ones are means over the batch. At
/// least two elements per channel, but for evaluation by running statistics.
struct InstanceNorm {
  std::int64_t channels;
  Variable weight, bias;  // [C]
  RunningMoments running;
  InstanceNormOptions options;

  explicit InstanceNorm(std::int64_t channels, InstanceNormOptions options = {});
  Variable operator()(const Variable& x, const Pass& pass = {}, Rectifier r = {});
  void visit(Visitor& v);
};
using InstanceNorm1d = InstanceNorm;
using InstanceNorm2d = InstanceNorm;

struct LayerNormOptions {
  double eps = 1e-5;
  Affine affine = Affine::yes;
};

/// Over the last dimensions, which must be `shape` (Ba et al. 2016): {C, H, W} for a feature map, {D} for the last axis
/// alone. Weight and bias are elementwise.
struct LayerNorm {
  Shape shape;
  Variable weight, bias;  // [shape...]
  LayerNormOptions options;

  explicit LayerNorm(const Shape& shape, LayerNormOptions options = {});
  Variable operator()(const Variable& x, const Pass& pass = {}, Rectifier r = {}) const;
  void visit(Visitor& v);
};

struct GroupNormOptions {
  double eps = 1e-5;
  Affine affine = Affine::yes;
};

/// The channels of a group and space together, for each sample (Wu and He 2018). x [N, C, ...].
struct GroupNorm {
  std::int64_t groups;
  Variable weight, bias;  // [C]
  GroupNormOptions options;

  GroupNorm(std::int64_t groups, std::int64_t channels, GroupNormOptions options = {});
  Variable operator()(const Variable& x, const Pass& pass = {}, Rectifier r = {}) const;
  void visit(Visitor& v);
};

/// Each pixel's vector of channels over its root mean square (Karras et al. 2018). x [N, C, ...].
struct PixelNorm {
  double eps = 1e-8;
  Variable operator()(const Variable& x) const { return pixel_norm(x, eps); }
};

}  // namespace duel
