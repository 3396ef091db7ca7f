// Pictures to look at: from a network's [-1, 1] to bytes, and many in one.
#pragma once

#include <cstdint>

#include "duel/tensor/tensor.h"

namespace duel {

/// uint8 on the CPU, of the same shape: (x + 1) * 127.5 rounded, values beyond [-1, 1] clamped, NaN as 0. `pictures` is
/// float32 or float64 of any shape. The inverse of what `Batches` does to bytes.
Tensor to_uint8(const Tensor& pictures);

/// All `pictures` [N, C, H, W] in one [C, GH, GW], uint8, row by row from the top left; the last row may be short.
/// `padding` pixels of `background` lie between them and around, so GH = rows * (H + padding) + padding. With fewer
/// than `columns` pictures the grid is N wide. Throws unless N, C, H, W and `columns` are at least 1.
Tensor picture_grid(const Tensor& pictures, std::int64_t columns, std::int64_t padding = 2,
                    std::uint8_t background = 255);

}  // namespace duel
