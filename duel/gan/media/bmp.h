// BMP files (Windows and OS/2 bitmaps), read by hand: Debian has no light library for them.
#pragma once

#include "duel/gan/media/encoded_picture.h"

namespace duel {

/// What `read_picture` and `read_picture_info` do with BMP files.
Tensor decode_bmp(const EncodedPicture& file);
PictureInfo bmp_info(const EncodedPicture& file);

}  // namespace duel
