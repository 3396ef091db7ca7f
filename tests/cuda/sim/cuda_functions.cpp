// The simulated device as this program's CUDA: linked before the library's function of this name.
#include "duel/tensor/devices.h"

namespace duel {

namespace cuda {
const DeviceFunctions& functions();  // duel/cuda/functions.cpp
}

const DeviceFunctions* cuda_functions() { return &cuda::functions(); }

}  // namespace duel
