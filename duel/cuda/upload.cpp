#include "duel/cuda/upload.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include "duel/cuda/allocator.h"
#include "duel/cuda/runtime.h"

namespace duel::cuda {
namespace {

// A point of a stream, which others wait for; at first, one that has been passed.
class Event {
 public:
  void record(cudaStream_t stream) { DUEL_CUDA_CHECK(cudaEventRecord(made(), stream)); }
  void wait() { DUEL_CUDA_CHECK(cudaEventSynchronize(made())); }
  void hold(cudaStream_t stream) { DUEL_CUDA_CHECK(cudaStreamWaitEvent(stream, made(), 0)); }

 private:
  cudaEvent_t made() {
    if (!event_) DUEL_CUDA_CHECK(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming));
    return event_;
  }
  cudaEvent_t event_ = nullptr;
};

// Pinned memory, and when what was put there last has left it.
class Pinned {
 public:
  static constexpr std::size_t kBytes = std::size_t{64} << 10;

  void send(void* device, const void* host, std::size_t bytes) {
    if (!memory_) DUEL_CUDA_CHECK(cudaMallocHost(&memory_, kBytes));
    left_.wait();
    std::memcpy(memory_, host, bytes);
    DUEL_CUDA_CHECK(cudaMemcpyAsync(device, memory_, bytes, cudaMemcpyHostToDevice, stream()));
    left_.record(stream());
  }

 private:
  void* memory_ = nullptr;
  Event left_;
};

// Where copies travel beside the kernels of stream().
cudaStream_t copy_stream() {
  static const cudaStream_t the = [] {
    cudaStream_t made = nullptr;
    DUEL_CUDA_CHECK(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
    return made;
  }();
  return the;
}

// Pinned memory and as much on the device: a batch arrives while the step before is computed, and is then moved to its
// place.
class Staged {
 public:
  static constexpr std::size_t kBytes = std::size_t{16} << 20;

  void send(void* device, const void* host, std::size_t bytes) {
    make();
    arrived_.wait();
    std::memcpy(pinned_, host, bytes);
    taken_.hold(copy_stream());
    DUEL_CUDA_CHECK(cudaMemcpyAsync(staging_, pinned_, bytes, cudaMemcpyHostToDevice, copy_stream()));
    arrived_.record(copy_stream());
    arrived_.hold(stream());
    DUEL_CUDA_CHECK(cudaMemcpyAsync(device, staging_, bytes, cudaMemcpyDeviceToDevice, stream()));
    taken_.record(stream());
  }

 private:
  void make() {
    if (!pinned_) DUEL_CUDA_CHECK(cudaMallocHost(&pinned_, kBytes));
    if (staging_) return;
    staging_ = allocate(kBytes);
    taken_.record(stream());  // whoever had this memory before may use it until then
  }

  void *pinned_ = nullptr, *staging_ = nullptr;
  Event arrived_, taken_;
};

// Enough of both that the host seldom waits: a step uploads a few small tensors before each of its recorded parts, and
// what comes next should have left before the part that runs now; batches are sent one ahead.
struct Rings {
  std::mutex mutex;
  std::array<Pinned, 64> small;
  std::array<Staged, 2> large;
  std::size_t next_small = 0, next_large = 0;
};

Rings& rings() {
  static Rings& the = *new Rings;  // as the rest of what this process holds of the device
  return the;
}

}  // namespace

void upload(void* device, const void* host, std::size_t bytes) {
  expect_no_capture("upload");
  Rings& r = rings();
  const std::lock_guard lock(r.mutex);
  if (bytes <= Pinned::kBytes) return r.small[r.next_small++ % r.small.size()].send(device, host, bytes);
  for (std::size_t at = 0; at < bytes; at += Staged::kBytes)
    r.large[r.next_large++ % r.large.size()].send(static_cast<std::byte*>(device) + at,
                                                  static_cast<const std::byte*>(host) + at,
                                                  std::min(Staged::kBytes, bytes - at));
}

}  // namespace duel::cuda
