// A convolution and the change of size beside it as one operation. Doubling a picture and taking means over 2 x 2 are
// linear, as the convolution is, so that the two fold into one convolution of stride 2 with a kernel one larger: fewer
// products, and what lies between them is never in memory. The fold of the kernel is linear too: gradients of any order
// go through it.
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/backend.h"

namespace duel {

/// conv2d of x made twice as high and wide by nearest neighbours: x [N, C, H, W], weight [O, C / groups, KH, KW], bias
/// [O] or undefined -> [N, O, OH, OW], the size of conv2d of [N, C, 2 H, 2 W]. Of stride and dilation 1, without groups
/// and with less padding than the kernel has taps, it is the transposed convolution of stride 2 by
///   k[t] = w[K - 1 - t] + w[K - t]   for 0 <= t <= K along each axis, w being 0 outside its K taps,
/// which for 3 x 3 takes 16 products instead of 36 for each pixel of x; and 1 x 1 is the convolution, then doubled.
/// Any other, and one of many channels but few pixels, is computed as it is defined. Bias and leaky ReLU as in
/// conv2d.h.
Variable upsample_conv2d(const Variable& x, const Variable& weight, const Variable& bias = {},
                         const Conv2dGeometry& g = {}, Rectifier r = {});

/// The means over 2 x 2 pixels of conv2d, leftover rows and columns dropped as by avg_pool2d: x [N, C, H, W], weight
/// [O, C / groups, KH, KW], bias [O] or undefined -> [N, O, OH / 2, OW / 2]. Of stride and dilation 1, it is the
/// convolution of stride 2 by
///   k[t] = (w[t - 1] + w[t]) / 2   for 0 <= t <= K along each axis,
/// which for 3 x 3 takes 16 products instead of 36 for each result; and 1 x 1 is the means, then convolved.
/// Any other, and one of many channels but few pixels, is computed as it is defined.
Variable conv2d_avg_pool2d(const Variable& x, const Variable& weight, const Variable& bias = {},
                           const Conv2dGeometry& g = {});

}  // namespace duel
