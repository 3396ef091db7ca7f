// TIFF files (revision 6.0), through libtiff.
#pragma once

#include "duel/gan/media/encoded_picture.h"

namespace duel {

/// What `read_picture` and `read_picture_info` do with TIFF files.
Tensor decode_tiff(const EncodedPicture& file);
PictureInfo tiff_info(const EncodedPicture& file);

}  // namespace duel
