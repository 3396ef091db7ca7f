// The end of a convolution or matrix product whose library leaves it to us.
#pragma once

#include "duel/tensor/backend.h"

namespace duel::cuda {

/// y = rectifier(y + bias), in place; y [N, C, S...] channels-last, or row-major [N, C]. bias [C] of y's dtype, or
/// float32 where that is bfloat16; or undefined.
void apply_epilogue(const Tensor& y, const Epilogue& e);

}  // namespace duel::cuda
