// Pictures of another size, to the byte as PIL's Image.resize makes them: the resampling that published results rest
// on.
#pragma once

#include <array>
#include <cstdint>

#include "duel/gan/models/option_text.h"
#include "duel/tensor/backend.h"
#include "duel/tensor/tensor.h"

namespace duel {

/// PIL's. All but `nearest` are antialiased: made smaller, an output pixel is a weighted mean of all the pixels that it
/// stands for. Reach in pixels to each side: box 1/2, bilinear (a triangle) and hamming 1, bicubic (a = -1/2) 2,
/// lanczos 3, times the ratio of the sizes where that is above 1.
enum class ResizeFilter : std::uint8_t { nearest, box, bilinear, hamming, bicubic, lanczos };

constexpr auto names_of(ResizeFilter) {
  using enum ResizeFilter;
  return std::array{Named{nearest, "nearest"}, Named{box, "box"},         Named{bilinear, "bilinear"},
                    Named{hamming, "hamming"}, Named{bicubic, "bicubic"}, Named{lanczos, "lanczos"}};
}

/// `picture` [C, H, W] on the CPU, of any strides, at another size: dense, channels-last in memory, or `picture` itself
/// if it has that size. uint8 goes along the rows, is rounded, then down the columns, in PIL's fixed-point arithmetic:
/// its bytes are Pillow's up to version 12. (Later ones take what shrinks more in height than in width down the columns
/// first, which moves some bytes by one.) float32 is summed in double and not rounded to bytes, as in PIL's mode F.
/// Channels don't see each other, an alpha channel neither (PIL weighs colours by it). Runs on the calling thread
/// alone. Throws for other types, no pixels, and sides beyond 2^20.
Tensor resize(const Tensor& picture, Size2 to, ResizeFilter filter);

}  // namespace duel
