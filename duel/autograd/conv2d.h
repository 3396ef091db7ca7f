// Convolution (cross-correlation, as in PyTorch) and its two transposes. The three are closed under differentiation:
// each is linear in both of its inputs, and each one's gradients are the other two. Transposed convolution is
// `conv2d_input_grad` under another name. Bias and leaky ReLU that follow are done in the same pass: the result is
// leaky_relu(y + bias, r.slope), r.slope from 0 to 1, and nothing before that is kept for the gradient.
// Beside bfloat16 inputs weights may be float32 too, and the bias is (see mixed_precision.h).
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/backend.h"

namespace duel {

/// x [N, C, H, W], weight [O, C / groups, KH, KW], bias [O] or undefined -> [N, O, OH, OW], channels-last in memory,
/// with OH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1.
Variable conv2d(const Variable& x, const Variable& weight, const Variable& bias = {}, const Conv2dGeometry& g = {},
                Rectifier r = {});

/// y [N, C, H, W], weight [C, O / groups, KH, KW], bias [O] or undefined -> [N, O, OH, OW], with
/// OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1.
/// `output_padding` must be smaller than the stride or the dilation.
Variable conv_transpose2d(const Variable& y, const Variable& weight, const Variable& bias = {},
                          const Conv2dGeometry& g = {}, Size2 output_padding = {0, 0}, Rectifier r = {});

/// The gradient of conv2d with respect to its input of `size` H x W: dy [N, O, OH, OW], weight [O, C / groups, KH, KW]
/// -> [N, C, H, W].
Variable conv2d_input_grad(const Variable& dy, const Variable& weight, Size2 size, const Conv2dGeometry& g);

/// The gradient with respect to its weight, of `kernel` size: x [N, C, H, W], dy [N, O, OH, OW] ->
/// [O, C / groups, KH, KW].
Variable conv2d_weight_grad(const Variable& x, const Variable& dy, Size2 kernel, const Conv2dGeometry& g);

}  // namespace duel
