#include "duel/tensor/backend.h"

#include "duel/tensor/cpu/kernels.h"

namespace duel {

const Backend& backend(Device device) {
  check(device == Device::cpu, "backend", "this build of duel has no kernels for device '", device,
        "'; run with --device cpu");
  return cpu::cpu_backend();
}

}  // namespace duel
