#include "duel/cuda/upload.h"

#include <cstring>
#include <mutex>
#include <vector>

#include "duel/cuda/runtime.h"

namespace duel::cuda {
namespace {

// Pinned memory, and when what was put there last has left it.
class Slot {
 public:
  void* room(std::size_t bytes) {
    if (!left_) DUEL_CUDA_CHECK(cudaEventCreateWithFlags(&left_, cudaEventDisableTiming));
    DUEL_CUDA_CHECK(cudaEventSynchronize(left_));
    if (bytes > size_) {
      if (memory_) DUEL_CUDA_CHECK(cudaFreeHost(memory_));
      memory_ = nullptr;
      size_ = 0;
      DUEL_CUDA_CHECK(cudaMallocHost(&memory_, bytes));
      size_ = bytes;
    }
    return memory_;
  }
  void send(void* device, std::size_t bytes) {
    DUEL_CUDA_CHECK(cudaMemcpyAsync(device, memory_, bytes, cudaMemcpyHostToDevice, stream()));
    DUEL_CUDA_CHECK(cudaEventRecord(left_, stream()));
  }

 private:
  void* memory_ = nullptr;
  std::size_t size_ = 0;
  cudaEvent_t left_ = nullptr;
};

// Enough slots that the host seldom waits: a step uploads a few small tensors before each of its recorded parts, and
// the slot that comes next should have left before the part that runs now.
struct Ring {
  explicit Ring(std::size_t count) : slots(count) {}
  Slot& next() { return slots[at++ % slots.size()]; }

  std::vector<Slot> slots;
  std::size_t at = 0;
};

struct Rings {
  std::mutex mutex;
  Ring small{64}, large{4};
};

Rings& rings() {
  static Rings& the = *new Rings;  // as the rest of what this process holds of the device
  return the;
}

}  // namespace

void upload(void* device, const void* host, std::size_t bytes) {
  expect_no_capture("upload");
  constexpr std::size_t kSmall = std::size_t{64} << 10;
  Rings& r = rings();
  const std::lock_guard lock(r.mutex);
  Slot& slot = (bytes <= kSmall ? r.small : r.large).next();
  std::memcpy(slot.room(bytes <= kSmall ? kSmall : bytes), host, bytes);
  slot.send(device, bytes);
}

}  // namespace duel::cuda
