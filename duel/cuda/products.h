// How matrix products and convolutions of float32 are computed on this device.
#pragma once

#include <cstdint>

#include "duel/tensor/precision.h"

namespace duel::cuda {

/// TF32 at first. On a thread where `ExactConvolutions` lives it is fp32, for matrix products as for convolutions.
Precision precision();
/// Of the whole process.
void set_precision(Precision precision);
/// As their namesake in DeviceFunctions.
std::int64_t unplanned_convolutions();

}  // namespace duel::cuda
