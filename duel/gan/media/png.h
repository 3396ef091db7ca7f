// PNG files (ISO/IEC 15948), through libpng.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "duel/gan/media/encoded_picture.h"

namespace duel {

/// Writes `picture`, uint8 [C, H, W] with C = 1 (grey) or 3 (sRGB), as a whole or not at all (see AtomicFile). Equal
/// pictures give equal bytes.
void write_png(const std::filesystem::path& path, const Tensor& picture);
/// The same in memory; messages call it `name`.
std::string encode_png(const Tensor& picture, std::string_view name);

/// `read_picture` of a PNG file and nothing else, in uint8: 16 bits are rounded to 8.
Tensor read_png(const std::filesystem::path& path);

/// What `read_picture` and `read_picture_info` do with PNG files.
Tensor decode_png(const EncodedPicture& file);
PictureInfo png_info(const EncodedPicture& file);

}  // namespace duel
