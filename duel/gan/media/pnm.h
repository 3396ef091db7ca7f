// PBM, PGM and PPM files (https://netpbm.sourceforge.net/doc/pnm.html), read by hand: they are simple.
#pragma once

#include "duel/gan/media/encoded_picture.h"

namespace duel {

/// What `read_picture` and `read_picture_info` do with PNM files.
Tensor decode_pnm(const EncodedPicture& file);
PictureInfo pnm_info(const EncodedPicture& file);

}  // namespace duel
