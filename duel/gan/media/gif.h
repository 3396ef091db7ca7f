// GIF files (87a and 89a), through giflib.
#pragma once

#include <string>

#include "duel/gan/media/encoded_picture.h"

namespace duel {

/// What `read_picture` and `read_picture_info` do with GIF files: of several pictures the first, on the whole of the
/// screen, white where it has none.
Tensor decode_gif(const EncodedPicture& file);
PictureInfo gif_info(const EncodedPicture& file);

/// `frames`, uint8 [T, C, H, W] with C = 1 or 3 and sides of up to 65535, as the bytes of a file that repeats for ever,
/// in up to 256 colours (see `quantized`). Frames last a whole number of hundredths of a second, and two at least,
/// since browsers take one for ten. Throws, beginning with `name`, for others, and in a build without giflib.
std::string encode_gif(const Tensor& frames, int frames_per_second, const std::string& name);

}  // namespace duel
