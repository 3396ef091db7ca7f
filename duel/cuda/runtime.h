// The CUDA runtime as the rest of this folder uses it: errors, the stream, launches.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <source_location>

#include "duel/tensor/error.h"

namespace duel::cuda {

/// Throws, naming the call with its file and line, unless `status` is success.
void check_status(cudaError_t status, const char* call, std::source_location where = std::source_location::current());
#define DUEL_CUDA_CHECK(call) ::duel::cuda::check_status(call, #call)

/// The one stream of this process: kernels, copies and libraries work in the order in which they were asked. (What
/// travels beside it, to memory that only it writes, is in upload.cpp.)
cudaStream_t stream();

/// The properties of the device that is used: the current one of the CUDA runtime when it was first needed.
const cudaDeviceProp& device_properties();

/// Whether work is being recorded instead of done: then nothing may wait for its results.
bool is_capturing();
/// Throws, naming `operation`, while work is being recorded.
void expect_no_capture(const char* operation);

/// Where kernels say that something in their input was wrong; looked at whenever the host waits for results.
enum class Fault : std::uint32_t { none, index_select, index_add, gather, scatter_add };
/// On the device; a kernel that finds a fault stores it there, and goes on without writing.
std::uint32_t* fault_word();
/// Waits for all work; throws what has gone wrong in it, faults included.
void synchronize();

}  // namespace duel::cuda
