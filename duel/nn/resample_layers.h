// Layers without parameters that change the size of pictures x [N, C, H, W]. Names and defaults are PyTorch's.
#pragma once

#include "duel/autograd/ops.h"

namespace duel {

/// `padding` pixels on all four sides: mirrored about the border pixel's centre, so fewer than the side has ...
struct ReflectionPad2d {
  std::int64_t padding = 1;
  Variable operator()(const Variable& x) const;
};
/// ... the border pixel repeated ...
struct ReplicationPad2d {
  std::int64_t padding = 1;
  Variable operator()(const Variable& x) const;
};
/// ... or zeros.
struct ZeroPad2d {
  std::int64_t padding = 1;
  Variable operator()(const Variable& x) const;
};

enum class UpsampleMode : std::uint8_t { nearest, bilinear };

/// `scale` times as high and wide; bilinear as with PyTorch's align_corners=False.
struct Upsample {
  double scale = 2;
  UpsampleMode mode = UpsampleMode::nearest;
  Variable operator()(const Variable& x) const;
};

struct AvgPool2d {
  AvgPoolOptions options;
  Variable operator()(const Variable& x) const { return avg_pool2d(x, options); }
};
struct MaxPool2d {
  MaxPoolOptions options;
  Variable operator()(const Variable& x) const { return max_pool2d(x, options); }
};
struct AdaptiveAvgPool2d {
  Size2 size{1, 1};
  Variable operator()(const Variable& x) const { return adaptive_avg_pool2d(x, size); }
};
/// Depth to space: [N, C r r, H, W] -> [N, C, H r, W r]
struct PixelShuffle {
  std::int64_t factor = 2;
  Variable operator()(const Variable& x) const { return pixel_shuffle(x, factor); }
};
/// Its inverse.
struct PixelUnshuffle {
  std::int64_t factor = 2;
  Variable operator()(const Variable& x) const { return pixel_unshuffle(x, factor); }
};

}  // namespace duel
