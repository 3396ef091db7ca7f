// Convolution along one dimension: that of pictures one pixel high (conv2d.h), with the same bias and rectifier.
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/backend.h"

namespace duel {

struct Conv1dGeometry {
  std::int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
};

/// x [N, C, L], weight [O, C / groups, K], bias [O] or undefined -> [N, O, OL] with
/// OL = floor((L + 2 padding - dilation (K - 1) - 1) / stride) + 1.
Variable conv1d(const Variable& x, const Variable& weight, const Variable& bias = {}, const Conv1dGeometry& g = {},
                Rectifier r = {});

/// y [N, C, L], weight [C, O / groups, K], bias [O] or undefined -> [N, O, OL] with
/// OL = (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1; `output_padding` must be smaller than the
/// stride or the dilation.
Variable conv_transpose1d(const Variable& y, const Variable& weight, const Variable& bias = {},
                          const Conv1dGeometry& g = {}, std::int64_t output_padding = 0, Rectifier r = {});

}  // namespace duel
