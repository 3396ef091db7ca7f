// Look-up of pictures at any places: spatial transformers (Jaderberg et al. 2015), adaptive augmentation.
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/backend.h"

namespace duel {

/// The places at which an affine map looks: theta [N, 2, 3] -> [N, H, W, 2], x and y of theta (x, y, 1)' for the centre
/// (x, y) of each pixel of a picture of `size`, whose outer edges are at -1 and 1. PyTorch's F.affine_grid with
/// align_corners False. Linear.
Variable affine_grid(const Variable& theta, Size2 size);

/// x [N, C, H, W] at the places of grid [N, OH, OW, 2] (x, then y; x's outer edges are -1 and 1), bilinear between
/// pixel centres: [N, C, OH, OW]. Outside are zeros, the border pixel, or reflections about the outer edges (which
/// repeat the border pixel, unlike those of pad2d). PyTorch's F.grid_sample with align_corners False.
///
/// Differentiable in x and in the grid to any order. With respect to the grid it is piecewise bilinear;
/// the derivative on a pixel's centre is the one from the right or from below, and 0 where `replicate` or `reflect`
/// have brought a place to the border pixel's centre. A NaN in the grid gives NaN.
Variable grid_sample(const Variable& x, const Variable& grid, PadMode outside = PadMode::zeros);

/// The transpose in x, for pictures of `size`: dy [N, C, OH, OW] spread out to [N, C, H, W].
Variable grid_sample_input_grad(const Variable& dy, const Variable& grid, Size2 size, PadMode outside = PadMode::zeros);

}  // namespace duel
