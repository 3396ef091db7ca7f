// The contexts of cuDNN and cuBLASLt, and the errors of their calls.
#pragma once

#include <cublasLt.h>
#include <cudnn_graph.h>

#include <source_location>

#include "duel/cuda/runtime.h"

namespace duel::cuda {

// DUEL_CUDA_CHECK takes calls of all three libraries.
void check_status(cudnnStatus_t status, const char* call, std::source_location where = std::source_location::current());
void check_status(cublasStatus_t status, const char* call,
                  std::source_location where = std::source_location::current());

/// Made when first asked for; it works on `stream()`. Throws without a device.
cudnnHandle_t cudnn_handle();
/// Made when first asked for. Throws without a device.
cublasLtHandle_t cublaslt_handle();

}  // namespace duel::cuda
