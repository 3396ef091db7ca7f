// The simulated device itself: whether it is there, its properties, errors, counters.
#include "device.h"

#include "duel/tensor/error.h"

namespace duel::simulated {
namespace {

struct State {
  bool present = true;
  Counters counters;
};

State& state() {
  static State s;
  return s;
}

thread_local cudaError_t last_error = cudaSuccess;

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};

constexpr ErrorText kErrors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection", "invalid copy direction for memcpy"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver", "the driver is missing or too old"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorIllegalState, "cudaErrorIllegalState", "the operation cannot be performed in the present state"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined", "capturing stream has unjoined work"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
     "dependency created on uncaptured work in another stream"},
};

const ErrorText* find(cudaError_t error) {
  for (const ErrorText& e : kErrors)
    if (e.error == error) return &e;
  return nullptr;
}

}  // namespace

std::recursive_mutex& device_mutex() {
  static std::recursive_mutex m;
  return m;
}

cudaError_t report(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

bool is_present() { return state().present; }
void set_present(bool present) { state().present = present; }
Counters& mutable_counters() { return state().counters; }
const Counters& counters() { return state().counters; }

}  // namespace duel::simulated

using namespace duel::simulated;

const char* cudaGetErrorName(cudaError_t error) {
  const ErrorText* e = find(error);
  return e ? e->name : "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  const ErrorText* e = find(error);
  return e ? e->text : "unrecognized error code";
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() { return last_error; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = is_present() ? 1 : 0;
  return is_present() ? cudaSuccess : report(cudaErrorInsufficientDriver);
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return is_present() ? cudaSuccess : report(cudaErrorInsufficientDriver);
}

cudaError_t cudaSetDevice(int device) {
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  return device == 0 ? cudaSuccess : report(cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  if (device != 0) return report(cudaErrorInvalidDevice);
  std::size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  // An H200's, but for its multiprocessors: fewer, so that small tests have loops of more than one turn.
  *properties = {.name = "simulated",
                 .uuid = {},
                 .totalGlobalMem = total,
                 .sharedMemPerBlock = 49152,
                 .sharedMemPerBlockOptin = 232448,
                 .sharedMemPerMultiprocessor = 233472,
                 .major = 9,
                 .minor = 0,
                 .multiProcessorCount = 4,
                 .warpSize = 32,
                 .regsPerBlock = 65536,
                 .regsPerMultiprocessor = 65536,
                 .l2CacheSize = 62914560,
                 .maxThreadsPerBlock = 1024,
                 .maxThreadsPerMultiProcessor = 2048,
                 .maxThreadsDim = {1024, 1024, 64},
                 .maxGridSize = {2147483647, 65535, 65535}};
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = is_present() ? 13000 : 0;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
