// How matrix products and convolutions of float32 are computed on this device.
#pragma once

#include "duel/tensor/precision.h"

namespace duel::cuda {

/// TF32 at first. On a thread where `ExactConvolutions` lives it is fp32, for matrix products as for convolutions.
Precision precision();
/// Of the whole process.
void set_precision(Precision precision);

}  // namespace duel::cuda
