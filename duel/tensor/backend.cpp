#include "duel/tensor/backend.h"

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/devices.h"

namespace duel {

const Backend& backend(Device device) {
  if (device == Device::cpu) return cpu::cpu_backend();
  const DeviceFunctions* cuda = cuda_functions();
  const std::string problem = device_problem(device);
  check(problem.empty(), "backend", "cannot compute on ", device, ": ", problem, "; run with --device cpu");
  return cuda->kernels();
}

}  // namespace duel
