// PNG files (ISO/IEC 15948), through libpng.
#pragma once

#include <filesystem>

#include "duel/tensor/tensor.h"

namespace duel {

/// Writes `picture`, uint8 [C, H, W] with C = 1 (grey) or 3 (sRGB), as a whole or not at all (see AtomicFile). Equal
/// pictures give equal bytes.
void write_png(const std::filesystem::path& path, const Tensor& picture);

/// Any PNG as uint8 [C, H, W] with C = 1 (grey) or 3 (sRGB), row-major: palettes are looked up, 16 bits scaled to 8,
/// transparency blended onto white by value (as browsers do), a gamma other than sRGB's converted. A file that is cut
/// short, altered or no PNG throws `Error` with the path and what is wrong, before memory is taken for the picture.
Tensor read_png(const std::filesystem::path& path);

}  // namespace duel
