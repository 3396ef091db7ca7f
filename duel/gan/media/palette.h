// Few colours for pictures of many, for file formats with palettes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "duel/tensor/tensor.h"

namespace duel {

/// Pictures as the colours of a palette.
struct Indexed {
  std::vector<std::array<std::uint8_t, 3>> palette;  ///< red, green, blue
  std::vector<std::uint8_t> pixels;                  ///< numbers of colours: picture by picture, row by row
};

/// Of `pictures`, uint8 [N, C, H, W] with C = 1 (grey) or 3 (RGB): their own colours if they have no more than 256,
/// else 256 by median cut (Heckbert 1982, "Color image quantization for frame buffer display"), each the mean of the
/// pixels that it stands for. Not dithered. One palette for all pictures, so that what stays the same keeps its colour.
Indexed quantized(const Tensor& pictures);

}  // namespace duel
