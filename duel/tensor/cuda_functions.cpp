// The one place where the library knows whether it was built with CUDA. A file of its own: a program that brings
// another device (the tests' simulated one) defines this function itself, and the linker leaves this one out.
#include "duel/tensor/devices.h"

namespace duel {

#ifdef DUEL_HAS_CUDA
namespace cuda {
const DeviceFunctions& functions();  // duel/cuda/functions.cpp
}

const DeviceFunctions* cuda_functions() { return &cuda::functions(); }
#else
const DeviceFunctions* cuda_functions() { return nullptr; }
#endif

}  // namespace duel
