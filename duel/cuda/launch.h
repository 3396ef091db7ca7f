// What kernels (.cu files) are written with. The same sources are compiled by nvcc, and by the host's compiler against
// a simulated device (tests/cuda): so a kernel is launched by DUEL_LAUNCH, its dynamic shared memory is named by
// DUEL_DYNAMIC_SHARED, and of the CUDA language it uses: __global__, __device__, __shared__, __launch_bounds__,
// threadIdx, blockIdx, blockDim, gridDim (x and y), __syncthreads, __shfl_xor_sync, __shfl_down_sync, __shfl_sync.
#pragma once

#include <algorithm>
#include <cstdint>

#include "duel/cuda/runtime.h"
#include "duel/tensor/dtype.h"

#ifndef DUEL_LAUNCH  // the simulated device has defined them already
/// DUEL_LAUNCH((kernel<T>), blocks, threads, bytes of dynamic shared memory, arguments ...)
#define DUEL_LAUNCH(kernel, grid, block, shared_bytes, ...)                     \
  do {                                                                          \
    kernel<<<grid, block, shared_bytes, ::duel::cuda::stream()>>>(__VA_ARGS__); \
    ::duel::cuda::check_status(cudaGetLastError(), "launch of " #kernel);       \
  } while (false)
/// Declares `name`, a pointer to the T of this block's dynamic shared memory. All kernels share one symbol, since one
/// of two types would not link.
#define DUEL_DYNAMIC_SHARED(T, name)                                   \
  extern __shared__ __align__(16) unsigned char duel_dynamic_shared[]; \
  T* const name = reinterpret_cast<T*>(duel_dynamic_shared)
#endif

namespace duel::cuda {

constexpr int kWarp = 32;
/// Threads per block of kernels that have no reason for another number.
constexpr int kThreads = 256;

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Blocks of a grid-stride loop over `items`, each thread `per_thread` of them at a time: enough to fill the device,
/// and no more than are of use. At least 1.
inline unsigned blocks_for(std::int64_t items, int threads = kThreads, std::int64_t per_thread = 1) {
  const std::int64_t needed = ceil_div(items, threads * per_thread);
  const std::int64_t most = std::int64_t{device_properties().multiProcessorCount} * (2048 / threads) * 4;
  return static_cast<unsigned>(std::max<std::int64_t>(1, std::min(needed, most)));
}

/// dispatch over what CUDA computes in: float32, float64, bfloat16. Throws, naming `operation`, for the others.
template <class F>
decltype(auto) dispatch_computed(const char* operation, DType t, F&& f) {
  if (t == DType::float32) return f(TypeTag<float>{});
  if (t == DType::float64) return f(TypeTag<double>{});
  if (t == DType::bfloat16) return f(TypeTag<bfloat16>{});
  fail(operation, "needs a floating dtype, got ", t);
}

#if defined(__CUDACC__) || defined(DUEL_SIMULATED_CUDA)

/// First element of this thread in a grid-stride loop, and the step.
__device__ inline std::int64_t thread_index() { return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline std::int64_t thread_count() { return std::int64_t{gridDim.x} * blockDim.x; }

/// Sum over the 32 threads of a warp, the same in each of them. All must call it.
template <class T>
__device__ inline T warp_sum(T v) {
  for (int step = kWarp / 2; step > 0; step /= 2) v += __shfl_xor_sync(0xffffffffu, v, step);
  return v;
}

/// Sum over the threads of a block of at most 1024 whose size is a multiple of 32, the same in each of them. All must
/// call it; `scratch` is 32 elements of shared memory that this may overwrite.
template <class T>
__device__ inline T block_sum(T v, T* scratch) {
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  v = warp_sum(v);
  __syncthreads();  // whoever still reads an earlier sum
  if (lane == 0) scratch[warp] = v;
  __syncthreads();
  T total = 0;
  for (unsigned i = 0; i < warps; ++i) total += scratch[i];  // in a fixed order
  return total;
}

#endif

}  // namespace duel::cuda
