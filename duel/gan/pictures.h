// Pictures to look at: from a network's [-1, 1] to bytes, and many in one.
#pragma once

#include <array>
#include <cstdint>

#include "duel/gan/models/option_text.h"
#include "duel/tensor/tensor.h"

namespace duel {

/// Which byte a number becomes: the nearest, as torchvision's save_image and StudioGAN have it, or the one below, as
/// CycleGAN and BigGAN-PyTorch do. Metrics differ by it.
enum class Rounding : std::uint8_t { nearest, truncate };
constexpr auto names_of(Rounding) {
  return std::array{Named{Rounding::nearest, "nearest"}, Named{Rounding::truncate, "truncate"}};
}

/// `level` clamped to [0, 255] and rounded; NaN becomes 0.
std::uint8_t to_byte(double level, Rounding rounding);

/// uint8 on the CPU, of the same shape: (x + 1) / 2 * 255 rounded, values beyond [-1, 1] clamped, NaN as 0. `pictures`
/// is float32 or float64 of any shape. Rounded to the nearest, the inverse of what `DataLoader` does to bytes.
Tensor to_uint8(const Tensor& pictures, Rounding rounding = Rounding::nearest);

/// All `pictures` [N, C, H, W] in one [C, GH, GW], uint8, row by row from the top left; the last row may be short.
/// `padding` pixels of `background` lie between them and around, so GH = rows * (H + padding) + padding. With fewer
/// than `columns` pictures the grid is N wide. Throws unless N, C, H, W and `columns` are at least 1.
Tensor picture_grid(const Tensor& pictures, std::int64_t columns, std::int64_t padding = 2,
                    std::uint8_t background = 255);

}  // namespace duel
