// Animated pictures: APNG (PNG, third edition), which browsers play and other readers show the first picture of, and
// GIF, which all programs play, in 256 colours.
#pragma once

#include <filesystem>

#include "duel/tensor/tensor.h"

namespace duel {

struct AnimationOptions {
  int frames_per_second = 10;  ///< 1 to 100
};

/// Writes `frames`, uint8 [T, C, H, W] with C = 1 (grey) or 3 (sRGB), as an animation that repeats for ever, as a whole
/// or not at all: GIF if the name ends with .gif (see `encode_gif`), else APNG. One frame is an ordinary file.
void write_animation(const std::filesystem::path& path, const Tensor& frames, const AnimationOptions& options = {});

}  // namespace duel
