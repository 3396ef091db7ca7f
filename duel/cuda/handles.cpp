#include "duel/cuda/handles.h"

#include <array>

namespace duel::cuda {

void check_status(cudnnStatus_t status, const char* call, std::source_location where) {
  if (status == CUDNN_STATUS_SUCCESS) [[likely]]
    return;
  std::array<char, 1024> details{};
  cudnnGetLastErrorString(details.data(), details.size());
  fail("cuDNN", call, " at ", where.file_name(), ":", where.line(), " gave ", cudnnGetErrorString(status),
       details[0] != 0 ? ": " : "", details.data());
}

void check_status(cublasStatus_t status, const char* call, std::source_location where) {
  if (status == CUBLAS_STATUS_SUCCESS) [[likely]]
    return;
  fail("cuBLAS", call, " at ", where.file_name(), ":", where.line(), " gave ", cublasLtGetStatusName(status), ": ",
       cublasLtGetStatusString(status));
}

// Neither handle is ever destroyed: the driver may be gone before the objects of static lifetime are.

cudnnHandle_t cudnn_handle() {
  static const cudnnHandle_t handle = [] {
    cudnnHandle_t made = nullptr;
    DUEL_CUDA_CHECK(cudnnCreate(&made));
    DUEL_CUDA_CHECK(cudnnSetStream(made, stream()));
    return made;
  }();
  return handle;
}

cublasLtHandle_t cublaslt_handle() {
  static const cublasLtHandle_t handle = [] {
    cublasLtHandle_t made = nullptr;
    DUEL_CUDA_CHECK(cublasLtCreate(&made));
    return made;
  }();
  return handle;
}

}  // namespace duel::cuda
