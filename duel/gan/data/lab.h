// The colour space CIE Lab, and colourisation's view of pictures: from their lightness, guess their colours.
#pragma once

#include "duel/gan/pictures.h"
#include "duel/tensor/tensor.h"

namespace duel {

/// `rgb`: sRGB [3, H, W] or [N, 3, H, W] on the CPU, from 0 to 255, uint8, float32 or float64, of any strides. The
/// result, row-major, float64 for float64 and else float32, holds L from 0 to 100, a and b (some -128 to 128), for the
/// white D65 and the observer of 2 degrees; computed in double. The numbers are those of skimage's rgb2lab.
Tensor rgb_to_lab(const Tensor& rgb);
/// The inverse, skimage's lab2rgb times 255: `lab` float32 or float64 of those shapes; colours that sRGB doesn't have
/// are clipped to [0, 255].
Tensor lab_to_rgb(const Tensor& lab);

/// Pictures as colourisation networks take and give them (pytorch-CycleGAN-and-pix2pix's colorization).
struct LightnessAndColours {
  Tensor lightness;  ///< [1, H, W] or [N, 1, H, W], L / 50 - 1: in [-1, 1]
  Tensor colours;    ///< [2, H, W] or [N, 2, H, W], a and b / 110: about [-1, 1]
};

/// `rgb` as rgb_to_lab takes it.
LightnessAndColours lightness_and_colours(const Tensor& rgb);
/// Back to uint8 sRGB, [3, H, W] or [N, 3, H, W], for looking at. Networks' colours of any size are clipped, NaN
/// becomes 0. Throws unless the two are of one size, count and floating type.
Tensor colourised(const Tensor& lightness, const Tensor& colours, Rounding rounding = Rounding::nearest);

}  // namespace duel
