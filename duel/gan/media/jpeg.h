// JPEG files (ISO/IEC 10918), through libjpeg.
#pragma once

#include "duel/gan/media/encoded_picture.h"

namespace duel {

/// What `read_picture` and `read_picture_info` do with JPEG files.
Tensor decode_jpeg(const EncodedPicture& file);
PictureInfo jpeg_info(const EncodedPicture& file);

}  // namespace duel
