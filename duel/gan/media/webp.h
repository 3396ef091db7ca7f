// WebP files (RFC 9649), through libwebp.
#pragma once

#include "duel/gan/media/encoded_picture.h"

namespace duel {

/// What `read_picture` and `read_picture_info` do with WebP files.
Tensor decode_webp(const EncodedPicture& file);
PictureInfo webp_info(const EncodedPicture& file);

}  // namespace duel
