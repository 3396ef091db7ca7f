// What CUDA brings to the library: the one thing of this folder that the layers above see, through cuda_functions().
#include <atomic>

#include "duel/cuda/allocator.h"
#include "duel/cuda/backend.h"
#include "duel/cuda/capture.h"
#include "duel/cuda/products.h"
#include "duel/cuda/runtime.h"
#include "duel/tensor/devices.h"

namespace duel::cuda {
namespace {

// Any error means that there is nothing to compute on: without a driver it is cudaErrorInsufficientDriver.
std::string problem() {
  static std::atomic<bool> found = false;  // a device stays
  if (found) return "";
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return cat("no GPU or no driver for it (", cudaGetErrorName(status), ": ", cudaGetErrorString(status), ")");
  }
  if (count == 0) return "no GPU";
  found = true;
  return "";
}

}  // namespace

const DeviceFunctions& functions() {
  static const DeviceFunctions table{
      .problem = problem,
      .kernels = cuda_backend,
      .allocate = allocate,
      .deallocate = deallocate,
      .memory_stats = memory_stats,
      .reset_peak_memory = reset_peak_memory,
      .release_cached_memory = release_cached_memory,
      .synchronize = synchronize,
      .set_precision = set_precision,
      .unplanned_convolutions = unplanned_convolutions,
      .begin_capture = begin_capture,
      .end_capture = end_capture,
      .abandon_capture = abandon_capture,
      .replay = replay,
  };
  return table;
}

}  // namespace duel::cuda
