// CUDA's table of kernels.
#pragma once

#include "duel/tensor/backend.h"

namespace duel::cuda {

const Backend& cuda_backend();

}  // namespace duel::cuda
