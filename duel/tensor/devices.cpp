#include "duel/tensor/devices.h"

namespace duel {

std::string device_problem(Device device) {
  if (device == Device::cpu) return "";
  const DeviceFunctions* cuda = cuda_functions();
  return cuda ? cuda->problem() : "this build of duel has no CUDA (cmake -DDUEL_CUDA=ON)";
}

bool is_available(Device device) { return device_problem(device).empty(); }

Device best_device() { return is_available(Device::cuda) ? Device::cuda : Device::cpu; }

Device device_named(std::string_view name) {
  if (name == "best") return best_device();
  check(name == "cpu" || name == "cuda", "device", "there is no device '", name, "': cpu, cuda or best");
  const Device device = name == "cpu" ? Device::cpu : Device::cuda;
  const std::string problem = device_problem(device);
  check(problem.empty(), "device", "cannot compute on ", name, ": ", problem, "; run with --device cpu");
  return device;
}

void synchronize(Device device) {
  if (device == Device::cuda) cuda_functions()->synchronize();
}

}  // namespace duel
