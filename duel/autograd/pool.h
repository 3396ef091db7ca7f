// Pooling of pictures x [N, C, H, W]. Averages are resampling by sparse matrices (resample.h); the maximum is linear in
// x once the places of the largest elements are known.
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/backend.h"
#include "duel/tensor/taps.h"

namespace duel {

struct AvgPoolOptions {
  Size2 kernel{2, 2};
  Size2 stride{0, 0};  ///< 0 stands for the kernel's size
  Size2 padding{0, 0};
  PadCount count = PadCount::include;
};

/// The mean of each window: [N, C, OH, OW], OH = floor((H + 2 padding - kernel) / stride) + 1. At most half the kernel
/// of padding; its zeros are counted or not (PyTorch's count_include_pad).
Variable avg_pool2d(const Variable& x, const AvgPoolOptions& o = {});
/// The means of `size` windows that cover x, from floor(o * H / OH) to ceil((o + 1) * H / OH): [N, C, OH, OW].
Variable adaptive_avg_pool2d(const Variable& x, Size2 size);

struct MaxPoolOptions {
  Size2 kernel{2, 2};
  Size2 stride{0, 0};  ///< 0 stands for the kernel's size
  Size2 padding{0, 0};
  Size2 dilation{1, 1};
};

/// The largest element of each window: [N, C, OH, OW], OH = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride)
/// + 1. The padding, at most half the kernel, is never largest; NaN is. The gradient goes to the first of equal
/// elements, and the second derivative is 0. Throws when a window has no element of x, as with dilation can happen.
Variable max_pool2d(const Variable& x, const MaxPoolOptions& o = {});

/// [N, C]: the sum over H and W, with which SNGAN's and BigGAN's discriminators end. 0 for empty pictures.
Variable global_sum_pool(const Variable& x);
/// [N, C]: the mean. Throws when pictures are empty.
Variable global_mean_pool(const Variable& x);

}  // namespace duel
