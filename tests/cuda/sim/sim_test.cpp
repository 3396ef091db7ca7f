// The simulated device itself: what the tests of kernels rely on it for.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numeric>
#include <string>
#include <vector>

#include "duel/cuda/launch.h"
#include "tests/cuda/sim/simulated_device.h"

namespace {

using duel::simulated::Order;

/// Device memory with a copy of `host`.
template <class T>
struct Buffer {
  explicit Buffer(const std::vector<T>& host) : size(host.size()) {
    REQUIRE(cudaMalloc(&p, size * sizeof(T)) == cudaSuccess);
    REQUIRE(cudaMemcpy(p, host.data(), size * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess);
  }
  ~Buffer() { cudaFree(p); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::vector<T> host() const {
    std::vector<T> out(size);
    REQUIRE(cudaMemcpy(out.data(), p, size * sizeof(T), cudaMemcpyDeviceToHost) == cudaSuccess);
    return out;
  }

  T* p = nullptr;
  std::size_t size;
};

struct Stream {
  Stream() { REQUIRE(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking) == cudaSuccess); }
  ~Stream() { cudaStreamDestroy(s); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t s;
};

/// Turns to an order for as long as this lives.
struct InOrder {
  explicit InOrder(Order order) { duel::simulated::set_order(order); }
  ~InOrder() { duel::simulated::set_order(before); }
  InOrder(const InOrder&) = delete;
  InOrder& operator=(const InOrder&) = delete;
  Order before = duel::simulated::order();
};

template <class... P, class... Args>
void launch(void (*kernel)(P...), unsigned blocks, unsigned threads, std::size_t shared, cudaStream_t s, Args... args) {
  duel::simulated::launch(kernel, "test", blocks, threads, shared, s, args...);
}

/// What `f` throws when its work is waited for.
template <class F>
std::string message_of(F&& f) {
  try {
    f();
    cudaDeviceSynchronize();
  } catch (const duel::Error& e) {
    return e.what();
  }
  return "";
}

template <class T>
__global__ void block_sums(const T* x, T* y) {
  __shared__ T scratch[duel::cuda::kWarp];
  const T total = duel::cuda::block_sum(x[duel::cuda::thread_index()], scratch);
  if (threadIdx.x == 0) y[blockIdx.x] = total;
}

__global__ void reverse_block(int* x) {
  DUEL_DYNAMIC_SHARED(int, tile);
  tile[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

__global__ void reverse_block_without_barrier(int* x) {
  DUEL_DYNAMIC_SHARED(int, tile);
  tile[threadIdx.x] = x[threadIdx.x];
  x[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

__global__ void last_block_wins(int* x) { *x = static_cast<int>(blockIdx.x); }

__global__ void add(int* x, int n, int v) {
  for (std::int64_t i = duel::cuda::thread_index(); i < n; i += duel::cuda::thread_count()) x[i] += v;
}

__global__ void half_wait(int* x) {
  if (threadIdx.x < 32) __syncthreads();
  x[threadIdx.x] = 1;
}

__global__ void one_lane_missing(int* x) {
  if (threadIdx.x != 7) x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1);
}

__global__ void shuffles(int* x) {
  const int lane = static_cast<int>(threadIdx.x);
  const unsigned all = 0xffffffffu;
  x[lane] = __shfl_sync(all, lane, 5) + 100 * __shfl_down_sync(all, lane, 3) + 10000 * __shfl_up_sync(all, lane, 2);
  if (__ballot_sync(all, lane % 2) != 0xaaaaaaaau) x[lane] = -1;
  if (lane < 8) x[lane] += 1000000 * __shfl_xor_sync(0xffu, lane, 4);  // some of the warp
}

TEST_CASE("simulated kernels sum by shuffles and barriers, in either order") {
  for (Order order : {Order::forward, Order::reverse}) {
    const InOrder in(order);
    for (unsigned threads : {32u, 96u, 256u, 1024u}) {
      std::vector<double> x(threads * 3);
      std::iota(x.begin(), x.end(), 1);
      const Buffer<double> dx(x), dy(std::vector<double>(3));
      launch(&block_sums<double>, 3, threads, 0, nullptr, dx.p, dy.p);
      const std::vector<double> y = dy.host();
      for (unsigned b = 0; b < 3; ++b)
        CHECK(y[b] == std::accumulate(x.begin() + b * threads, x.begin() + (b + 1) * threads, 0.0));
    }
  }
}

TEST_CASE("simulated shuffles exchange what CUDA's do") {
  const Buffer<int> x(std::vector<int>(32));
  launch(&shuffles, 1, 32, 0, nullptr, x.p);
  const std::vector<int> y = x.host();
  for (int i = 0; i < 32; ++i) {
    const int down = i + 3 < 32 ? i + 3 : i, up = i >= 2 ? i - 2 : i;
    CHECK(y[static_cast<std::size_t>(i)] == 5 + 100 * down + 10000 * up + (i < 8 ? 1000000 * (i ^ 4) : 0));
  }
}

TEST_CASE("a simulated block shares memory; without the barrier it shows") {
  std::vector<int> x(100), reversed(100);
  std::iota(x.begin(), x.end(), 0);
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  const Buffer<int> right(x), wrong(x);
  launch(&reverse_block, 1, 100, 400, nullptr, right.p);
  CHECK(right.host() == reversed);
  launch(&reverse_block_without_barrier, 1, 100, 400, nullptr, wrong.p);
  CHECK(wrong.host() != reversed);
}

TEST_CASE("the order of simulated blocks can be turned round") {
  const Buffer<int> x(std::vector<int>(1));
  for (Order order : {Order::forward, Order::reverse}) {
    const InOrder in(order);
    launch(&last_block_wins, 5, 1, 0, nullptr, x.p);
    CHECK(x.host()[0] == (order == Order::forward ? 4 : 0));
  }
}

TEST_CASE("threads that wait for ever are reported, and the next kernel runs") {
  const InOrder in(Order::forward);
  const Buffer<int> x(std::vector<int>(64));
  const std::string barrier = message_of([&] { launch(&half_wait, 2, 64, 0, nullptr, x.p); });
  CHECK(barrier.find("kernel test, block (0, 0, 0) of (2, 1, 1), 64 threads") != std::string::npos);
  CHECK(barrier.find("32 wait at __syncthreads, 0 at a warp's exchange, 32 have ended") != std::string::npos);
  const std::string shuffle = message_of([&] { launch(&one_lane_missing, 1, 32, 0, nullptr, x.p); });
  CHECK(shuffle.find("31 at a warp's exchange, 1 have ended") != std::string::npos);
  const std::string partial = message_of([&] { launch(&shuffles, 1, 31, 0, nullptr, x.p); });
  CHECK(partial.find("beyond the last thread") != std::string::npos);
  const Buffer<int> y(std::vector<int>(64));
  launch(&add, 2, 32, 0, nullptr, y.p, 64, 5);
  CHECK(y.host() == std::vector<int>(64, 5));
}

TEST_CASE("launches that a device does not take are refused") {
  const Buffer<int> x(std::vector<int>(8));
  const auto error_of = [&](unsigned blocks, unsigned threads, std::size_t shared) {
    launch(&add, blocks, threads, shared, nullptr, x.p, 8, 1);
    return cudaGetLastError();
  };
  CHECK(error_of(1, 1025, 0) == cudaErrorInvalidConfiguration);
  CHECK(error_of(0, 32, 0) == cudaErrorInvalidConfiguration);
  CHECK(error_of(1, 32, 60000) == cudaErrorInvalidValue);
  REQUIRE(cudaFuncSetAttribute(&add, cudaFuncAttributeMaxDynamicSharedMemorySize, 60000) == cudaSuccess);
  CHECK(error_of(1, 32, 60000) == cudaSuccess);
  CHECK(x.host() == std::vector<int>(8, 1));
}

TEST_CASE("work is done when the host waits, and waits for events of other streams") {
  const Buffer<int> x(std::vector<int>(8));
  Stream first, second;
  int* pinned = nullptr;
  REQUIRE(cudaMallocHost(&pinned, 8 * sizeof(int)) == cudaSuccess);
  cudaEvent_t event;
  REQUIRE(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
  launch(&add, 1, 32, 0, first.s, x.p, 8, 1);
  cudaEventRecord(event, first.s);
  launch(&add, 1, 32, 0, first.s, x.p, 8, 10);
  cudaStreamWaitEvent(second.s, event);
  cudaMemcpyAsync(pinned, x.p, 8 * sizeof(int), cudaMemcpyDeviceToHost, second.s);
  CHECK(pinned[0] == -1);  // not yet
  CHECK(cudaStreamSynchronize(second.s) == cudaSuccess);
  CHECK(pinned[0] == 1);
  CHECK(cudaStreamSynchronize(first.s) == cudaSuccess);
  CHECK(x.host()[7] == 11);
  CHECK(cudaEventQuery(event) == cudaSuccess);
  cudaEventDestroy(event);
  cudaFreeHost(pinned);
}

TEST_CASE("a captured stream records launches and copies, and replays them") {
  const Buffer<int> x(std::vector<int>(8)), y(std::vector<int>(8));
  Stream stream;
  REQUIRE(cudaStreamBeginCapture(stream.s, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  launch(&add, 1, 32, 0, stream.s, x.p, 8, 1);
  CHECK(cudaMemcpyAsync(y.p, x.p, 4 * sizeof(int), cudaMemcpyDeviceToDevice, stream.s) == cudaSuccess);
  CHECK(cudaMemsetAsync(y.p + 4, 0xff, 4 * sizeof(int), stream.s) == cudaSuccess);
  cudaGraph_t graph;
  REQUIRE(cudaStreamEndCapture(stream.s, &graph) == cudaSuccess);
  CHECK(x.host()[0] == 0);
  cudaGraphExec_t executable;
  REQUIRE(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
  cudaGraphDestroy(graph);
  const std::int64_t before = duel::simulated::counters().graph_launches;
  for (int i = 0; i < 3; ++i) CHECK(cudaGraphLaunch(executable, stream.s) == cudaSuccess);
  CHECK(cudaStreamSynchronize(stream.s) == cudaSuccess);
  CHECK(y.host() == std::vector<int>{3, 3, 3, 3, -1, -1, -1, -1});
  CHECK(duel::simulated::counters().graph_launches == before + 3);
  cudaGraphExecDestroy(executable);
}

TEST_CASE("what cannot be captured spoils the capture") {
  const Buffer<int> x(std::vector<int>(8));
  std::vector<int> pageable(8);
  Stream stream;
  const auto spoils = [&](auto&& call) {
    REQUIRE(cudaStreamBeginCapture(stream.s, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    launch(&add, 1, 32, 0, stream.s, x.p, 8, 1);
    CHECK(call() == cudaErrorStreamCaptureUnsupported);
    launch(&add, 1, 32, 0, stream.s, x.p, 8, 1);
    CHECK(cudaGetLastError() == cudaErrorStreamCaptureInvalidated);
    cudaGraph_t graph;
    CHECK(cudaStreamEndCapture(stream.s, &graph) == cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
    cudaGetLastError();
  };
  spoils([&] { return cudaStreamSynchronize(stream.s); });
  spoils([&] { return cudaDeviceSynchronize(); });
  spoils([&] { return cudaMemcpy(pageable.data(), x.p, 32, cudaMemcpyDeviceToHost); });
  spoils([&] { return cudaMemcpyAsync(x.p, pageable.data(), 32, cudaMemcpyHostToDevice, stream.s); });
  spoils([&] {
    void* p = nullptr;
    return cudaMalloc(&p, 64);
  });
  CHECK(x.host()[0] == 0);
}

TEST_CASE("device memory has a limit, and starts as NaN") {
  std::size_t free = 0, total = 0;
  REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
  duel::simulated::set_memory_limit(total - free + 1024);
  float *p = nullptr, *q = nullptr;
  CHECK(cudaMalloc(&p, 1024) == cudaSuccess);
  CHECK(cudaMalloc(&q, 1) == cudaErrorMemoryAllocation);
  CHECK(q == nullptr);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
  float x = 0;
  CHECK(cudaMemcpy(&x, p + 255, sizeof x, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(x != x);
  CHECK(cudaMemcpy(&x, p + 256, sizeof x, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(&x, p, sizeof x, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaFree(p) == cudaSuccess);
  CHECK(cudaFree(p) == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
  duel::simulated::set_memory_limit(total);
}

TEST_CASE("errors stay until they are asked for") {
  void* p = nullptr;
  CHECK(cudaSetDevice(3) == cudaErrorInvalidDevice);
  CHECK(cudaMalloc(&p, 16) == cudaSuccess);
  CHECK(cudaFree(p) == cudaSuccess);
  CHECK(cudaPeekAtLastError() == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK(std::string(cudaGetErrorName(cudaErrorInvalidDevice)) == "cudaErrorInvalidDevice");
}

TEST_CASE("without a driver every call says so") {
  duel::simulated::set_present(false);
  int devices = 7;
  void* p = nullptr;
  CHECK(cudaGetDeviceCount(&devices) == cudaErrorInsufficientDriver);
  CHECK(devices == 0);
  CHECK(cudaMalloc(&p, 16) == cudaErrorInsufficientDriver);
  cudaGetLastError();
  duel::simulated::set_present(true);
}

/// How a process that does `f` ends: by a signal, or with AddressSanitizer's exit status.
template <class F>
bool crashes(F&& f) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    if (!freopen("/dev/null", "w", stderr)) _exit(0);
    f();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

#if defined(__SANITIZE_ADDRESS__)
__global__ void write_beyond(int* x, int n) { x[n] = 1; }

TEST_CASE("a kernel that writes beyond its memory crashes") {
  const Buffer<int> x(std::vector<int>(8));
  CHECK(crashes([&] {
    launch(&write_beyond, 1, 1, 0, nullptr, x.p, 8);
    cudaDeviceSynchronize();
  }));
  CHECK_FALSE(crashes([&] {
    launch(&write_beyond, 1, 1, 0, nullptr, x.p, 7);
    cudaDeviceSynchronize();
  }));
}
#else
TEST_CASE("a host that touches device memory crashes") {
  const Buffer<int> x(std::vector<int>(8));
  CHECK(crashes([&] { *static_cast<volatile int*>(x.p) = 1; }));
  CHECK_FALSE(crashes([&] { CHECK(x.host()[0] == 0); }));
}
#endif

}  // namespace
