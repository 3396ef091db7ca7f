#include "duel/cuda/runtime.h"

namespace duel::cuda {
namespace {

// What this process holds of the device; made when it is first needed, and never given up: tensors may outlive any
// order of destruction.
struct Context {
  cudaStream_t stream = nullptr;
  cudaDeviceProp properties{};
  std::uint32_t* fault = nullptr;  // pinned memory of the host, which kernels write to

  Context() {
    int device = 0;
    DUEL_CUDA_CHECK(cudaGetDevice(&device));
    DUEL_CUDA_CHECK(cudaGetDeviceProperties(&properties, device));
    DUEL_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    void* pinned = nullptr;
    DUEL_CUDA_CHECK(cudaMallocHost(&pinned, sizeof *fault));
    fault = static_cast<std::uint32_t*>(pinned);
    *fault = 0;
  }
};

Context& context() {
  static Context& the = *new Context;
  return the;
}

const char* slot_of(Fault fault) {
  switch (fault) {
    case Fault::none: break;
    case Fault::index_select: return "index_select";
    case Fault::index_add: return "index_add";
    case Fault::gather: return "gather";
    case Fault::scatter_add: return "scatter_add";
  }
  return "a kernel";
}

}  // namespace

void check_status(cudaError_t status, const char* call, std::source_location where) {
  if (status == cudaSuccess) [[likely]]
    return;
  static_cast<void>(cudaGetLastError());  // an error that can be recovered from must not show up again later
  fail("CUDA", call, " at ", where.file_name(), ":", where.line(), " gave ", cudaGetErrorName(status), ": ",
       cudaGetErrorString(status));
}

cudaStream_t stream() { return context().stream; }

const cudaDeviceProp& device_properties() { return context().properties; }

bool is_capturing() {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  DUEL_CUDA_CHECK(cudaStreamIsCapturing(stream(), &status));
  return status != cudaStreamCaptureStatusNone;
}

void expect_no_capture(const char* operation) {
  check(!is_capturing(), operation, "needs values on the host, which a step that is being recorded does not have");
}

std::uint32_t* fault_word() { return context().fault; }

void synchronize() {
  expect_no_capture("synchronize");
  DUEL_CUDA_CHECK(cudaStreamSynchronize(stream()));
  const auto fault = static_cast<Fault>(*context().fault);
  *context().fault = 0;
  check(fault == Fault::none, slot_of(fault), "an index is out of range (found on cuda, at some point before this)");
}

}  // namespace duel::cuda
