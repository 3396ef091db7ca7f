// Examples for restoring pictures: a picture made worse, and the picture (fastai's image restoration).
#pragma once

#include "duel/gan/data/dataset.h"

namespace duel {

struct RestorationOptions {
  std::int64_t downscale = 4;  ///< the picture is made smaller by this factor (both sides rounded up) and larger again
  double noise = 0;            ///< deviation of the Gaussian noise then added, where pictures reach from -1 to 1
};

/// `picture` [C, H, W] as an example's target, and what `options` make of it as its picture, float32 where there is
/// noise; bilinear both ways. Draws H W C numbers if there is noise.
Example spoilt(const RestorationOptions& options, const Tensor& picture, Rng& draws);

}  // namespace duel
