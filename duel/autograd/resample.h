// Pictures on other grids of pixels: resizing, padding and depth-to-space. All are linear; what weighs pixels is one
// operation, `resample2d`, whose gradient is itself with the transposed matrices.
#pragma once

#include "duel/autograd/shape_ops.h"
#include "duel/autograd/variable.h"
#include "duel/tensor/taps.h"

namespace duel {

/// y[n, c] = H x[n, c] W' for the sparse matrices `h` [OH, H] and `w` [OW, W]: x [N, C, H, W] -> [N, C, OH, OW],
/// channels-last in memory. Makers of matrices are in tensor/taps.h. Throws when an index lies outside x.
Variable resample2d(const Variable& x, const Taps& h, const Taps& w);

struct Scale2 {
  double h = 1, w = 1;
};

/// The size of what is resized: `size`, or floor(scale * input size). Exactly one of them is to be given.
struct UpsampleOptions {
  Size2 size{0, 0};
  Scale2 scale{0, 0};
};

/// x [N, C, H, W] -> [N, C, OH, OW]: pixel floor(o * H / OH), or floor(o / scale). Larger or smaller; the pictures must
/// not be empty. PyTorch's F.interpolate(mode="nearest").
Variable upsample_nearest(const Variable& x, const UpsampleOptions& o);
/// The same between the two nearest pixels of each axis, at (o + 0.5) * H / OH - 0.5, or (o + 0.5) / scale - 0.5, and
/// never beyond the border pixels. F.interpolate(mode="bilinear", align_corners=False), without antialiasing.
Variable upsample_bilinear(const Variable& x, const UpsampleOptions& o);

/// Pixels added (or, if negative, cropped) above and below, and left and right.
struct Padding2 {
  Padding h{}, w{};
};

/// x [N, C, H, W] -> [N, C, H + h.before + h.after, W + w.before + w.after]. `reflect` mirrors about the centre of the
/// border pixel and so reaches at most H - 1 and W - 1 pixels; `replicate` needs a picture that is not empty. Values
/// other than zero: `pad` in shape_ops.h.
Variable pad2d(const Variable& x, const Padding2& padding, PadMode mode);

/// Depth to space: x [N, C * r * r, H, W] -> [N, C, H * r, W * r], channel c * r * r + i * r + j becoming pixel (i, j)
/// of each r x r block (Shi et al. 2016; PyTorch's order). Channels-last in memory.
Variable pixel_shuffle(const Variable& x, std::int64_t factor);
/// Space to depth, its inverse: H and W must be multiples of `factor`.
Variable pixel_unshuffle(const Variable& x, std::int64_t factor);

}  // namespace duel
