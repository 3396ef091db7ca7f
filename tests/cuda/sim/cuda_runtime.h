// A CUDA device simulated on the CPU, so that kernels are run and tested where there is no GPU: with this folder before
// the toolkit's on the include path, g++ compiles .cu files as C++ and this header is their <cuda_runtime.h>. It gives
// what duel uses of the CUDA language and of the runtime's interface (names, values and errors are the runtime's), and
// nothing more: float atomics, which make sums depend on timing, are missing on purpose.
//
// Blocks run one after the other; the threads of a block are fibers that change at barriers and shuffles
// (execution.cpp). Work on streams is done as late as it may be (streams.cpp), and the host cannot touch device memory
// (memory.cpp): so what is wrong with a GPU is wrong here, except for races within a block, of which only those show
// that an order of its threads can show, and speed.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>

// ---- the language ----

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static  // one block runs at a time
#define __forceinline__ __attribute__((always_inline)) inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz) {}
};

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

void __syncthreads();
void __syncwarp(unsigned mask = 0xffffffffu);

namespace duel::simulated {

enum class WarpOp { sync, shuffle, ballot };
/// Waits for the lanes in `mask`; gives the `value` of lane `source` (shuffle), or a bit per lane whose value is not 0.
std::uint64_t warp_exchange(unsigned mask, WarpOp op, std::uint64_t value, int source);
/// This thread's place in its warp.
int lane();
/// The block's dynamic shared memory, aligned to 16 bytes.
void* dynamic_shared();

template <class T>
T shuffle(unsigned mask, T value, int source) {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = warp_exchange(mask, WarpOp::shuffle, bits, source);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace duel::simulated

template <class T>
T __shfl_sync(unsigned mask, T value, int source) {
  return duel::simulated::shuffle(mask, value, source & (warpSize - 1));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes) {
  return duel::simulated::shuffle(mask, value, duel::simulated::lane() ^ lanes);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned lanes) {
  const int lane = duel::simulated::lane(), source = lane + static_cast<int>(lanes);
  return duel::simulated::shuffle(mask, value, source < warpSize ? source : lane);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned lanes) {
  const int lane = duel::simulated::lane(), source = lane - static_cast<int>(lanes);
  return duel::simulated::shuffle(mask, value, source >= 0 ? source : lane);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return static_cast<unsigned>(
      duel::simulated::warp_exchange(mask, duel::simulated::WarpOp::ballot, predicate != 0, 0));
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }

template <class T>
T __ldg(const T* p) {
  return *p;
}

inline void __threadfence() {}

namespace duel::simulated {

template <class T>
concept Atomic = std::is_integral_v<T> &&(sizeof(T) == 4 || sizeof(T) == 8);

template <class T, class F>
T exchange_with(T* p, F&& f) {
  const T old = *p;
  *p = f(old);
  return old;
}

}  // namespace duel::simulated

template <duel::simulated::Atomic T>
T atomicAdd(T* p, std::type_identity_t<T> v) {
  using U = std::make_unsigned_t<T>;  // wraps
  return duel::simulated::exchange_with(p,
                                        [v](T old) { return static_cast<T>(static_cast<U>(old) + static_cast<U>(v)); });
}
template <duel::simulated::Atomic T>
T atomicMax(T* p, std::type_identity_t<T> v) {
  return duel::simulated::exchange_with(p, [v](T old) { return old < v ? v : old; });
}
template <duel::simulated::Atomic T>
T atomicMin(T* p, std::type_identity_t<T> v) {
  return duel::simulated::exchange_with(p, [v](T old) { return v < old ? v : old; });
}
template <duel::simulated::Atomic T>
T atomicOr(T* p, std::type_identity_t<T> v) {
  return duel::simulated::exchange_with(p, [v](T old) { return old | v; });
}
template <duel::simulated::Atomic T>
T atomicExch(T* p, std::type_identity_t<T> v) {
  return duel::simulated::exchange_with(p, [v](T) { return v; });
}
template <duel::simulated::Atomic T>
T atomicCAS(T* p, std::type_identity_t<T> compare, std::type_identity_t<T> v) {
  return duel::simulated::exchange_with(p, [=](T old) { return old == compare ? v : old; });
}

// Of CUDA's functions in the global namespace those that <cmath> does not put there.
template <class A, class B>
requires std::is_arithmetic_v<A> && std::is_arithmetic_v<B>
constexpr std::common_type_t<A, B> min(A a, B b) { return b < a ? b : a; }
template <class A, class B>
requires std::is_arithmetic_v<A> && std::is_arithmetic_v<B>
constexpr std::common_type_t<A, B> max(A a, B b) { return a < b ? b : a; }
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline double rsqrt(double x) { return 1 / std::sqrt(x); }
inline float rsqrt(float x) { return 1 / std::sqrt(x); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32);
}
inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
inline float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
inline float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }

// ---- the runtime ----

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidMemcpyDirection = 21,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorNotReady = 600,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
  cudaErrorStreamCaptureUnjoined = 904,
  cudaErrorStreamCaptureIsolation = 905,
  cudaErrorIllegalState = 401,
};
const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();

struct cudaDeviceProp {
  char name[256];
  unsigned char uuid[16];
  std::size_t totalGlobalMem, sharedMemPerBlock, sharedMemPerBlockOptin, sharedMemPerMultiprocessor;
  int major, minor, multiProcessorCount, warpSize;
  int regsPerBlock, regsPerMultiprocessor, l2CacheSize;
  int maxThreadsPerBlock, maxThreadsPerMultiProcessor, maxThreadsDim[3], maxGridSize[3];
};
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);

using cudaStream_t = struct CUstream_st*;  // null: the default stream
using cudaEvent_t = struct CUevent_st*;
using cudaGraph_t = struct CUgraph_st*;
using cudaGraphExec_t = struct CUgraphExec_st*;

enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
constexpr unsigned cudaHostAllocDefault = 0, cudaHostAllocPortable = 1, cudaHostAllocMapped = 2,
                   cudaHostAllocWriteCombined = 4;
cudaError_t cudaMalloc(void** p, std::size_t bytes);
template <class T>
cudaError_t cudaMalloc(T** p, std::size_t bytes) {
  return cudaMalloc(reinterpret_cast<void**>(p), bytes);
}
cudaError_t cudaFree(void* p);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaHostAlloc(void** p, std::size_t bytes, unsigned flags);
template <class T>
cudaError_t cudaHostAlloc(T** p, std::size_t bytes, unsigned flags) {
  return cudaHostAlloc(reinterpret_cast<void**>(p), bytes, flags);
}
template <class T>
cudaError_t cudaMallocHost(T** p, std::size_t bytes, unsigned flags = 0) {
  return cudaHostAlloc(reinterpret_cast<void**>(p), bytes, flags);
}
cudaError_t cudaFreeHost(void* p);
cudaError_t cudaMemcpy(void* dst, const void* src, std::size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* dst, const void* src, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaMemset(void* dst, int value, std::size_t bytes);
cudaError_t cudaMemsetAsync(void* dst, int value, std::size_t bytes, cudaStream_t stream = nullptr);

constexpr unsigned cudaStreamDefault = 0, cudaStreamNonBlocking = 1;
constexpr unsigned cudaEventDefault = 0, cudaEventBlockingSync = 1, cudaEventDisableTiming = 2;
enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal,
  cudaStreamCaptureModeThreadLocal,
  cudaStreamCaptureModeRelaxed
};
enum cudaStreamCaptureStatus {
  cudaStreamCaptureStatusNone,
  cudaStreamCaptureStatusActive,
  cudaStreamCaptureStatusInvalidated
};
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamCreate(cudaStream_t* stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status);

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventCreate(cudaEvent_t* event);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end);

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags = 0);
cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);

enum cudaFuncAttribute {
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9
};
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value);
template <class R, class... P>
cudaError_t cudaFuncSetAttribute(R (*kernel)(P...), cudaFuncAttribute attribute, int value) {
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), attribute, value);
}

// ---- launches ----

namespace duel::simulated {

/// A kernel with its arguments, as a function of the thread that calls it.
struct Launch {
  const char* name;
  const void* kernel;
  dim3 grid, block;
  std::size_t shared_bytes;
  std::function<void()> thread;
};
/// Puts a launch on a stream. What is wrong with it is left to cudaGetLastError.
void enqueue(Launch launch, cudaStream_t stream);

template <class... P, class... Args>
void launch(void (*kernel)(P...), const char* name, dim3 grid, dim3 block, std::size_t shared_bytes,
            cudaStream_t stream, Args&&... args) {
  static_assert(sizeof...(P) == sizeof...(Args), "a kernel's default arguments must be given");
  static_assert((std::is_trivially_copyable_v<std::remove_cvref_t<P>> && ...), "arguments travel as bytes");
  static_assert((!std::is_reference_v<P> && ...), "the device cannot follow the host's references");
  static_assert((sizeof(P) + ... + 0) <= 32764, "more bytes of arguments than a launch takes");
  enqueue({name, reinterpret_cast<const void*>(kernel), grid, block, shared_bytes,
           [kernel, arguments = std::tuple<std::remove_cv_t<P>...>(std::forward<Args>(args)...)] {
             std::apply(kernel, arguments);
           }},
          stream);
}

}  // namespace duel::simulated

// As in duel/cuda/launch.h.
#define DUEL_LAUNCH(kernel, grid, block, shared_bytes, ...)                                                     \
  do {                                                                                                          \
    ::duel::simulated::launch(kernel, #kernel, grid, block, shared_bytes, ::duel::cuda::stream(), __VA_ARGS__); \
    ::duel::cuda::check_status(cudaGetLastError(), "launch of " #kernel);                                       \
  } while (false)
#define DUEL_DYNAMIC_SHARED(T, name) T* const name = static_cast<T*>(::duel::simulated::dynamic_shared())
