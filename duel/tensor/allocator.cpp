#include "duel/tensor/allocator.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "duel/tensor/arena.h"
#include "duel/tensor/devices.h"

namespace duel {
namespace {

constexpr std::size_t kAlignment = 64;

// Blocks from this size on come from the arena. The address sanitizer sees the ends of those from malloc only.
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kLarge = SIZE_MAX;
#else
constexpr std::size_t kLarge = std::size_t{64} << 10;
#endif

std::size_t round_up(std::size_t bytes, std::size_t step) { return (bytes + step - 1) / step * step; }

// Large blocks are whole pages of the arena; of small ones there are four classes per power of two, so that at most a
// quarter of a block is idle.
std::size_t size_class(std::size_t bytes) {
  if (bytes >= kLarge) return round_up(bytes, Arena::kGranularity);
  return round_up(bytes, bytes <= 4 * kAlignment ? kAlignment : std::max(kAlignment, std::bit_floor(bytes - 1) / 4));
}

class CpuCache {
 public:
  void* take(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    std::lock_guard lock(mutex_);
    void* block = size >= kLarge ? arena_.take(size) : nullptr;
    if (!block) block = take_small(size);
    live_ += size;
    peak_ = std::max(peak_, live_);
    return block;
  }

  void give_back(void* block, std::size_t bytes) noexcept {
    const std::size_t size = size_class(bytes);
    std::lock_guard lock(mutex_);
    live_ -= size;
    if (arena_.owns(block)) return arena_.give_back(block, size);
    try {
      free_[size].push_back(block);
      cached_ += size;
    } catch (const std::bad_alloc&) {
      std::free(block);
    }
  }

  MemoryStats stats() {
    std::lock_guard lock(mutex_);
    return {live_, peak_, cached_ + arena_.cached()};
  }

  void reset_peak() {
    std::lock_guard lock(mutex_);
    peak_ = live_;
  }

  void release() {
    std::lock_guard lock(mutex_);
    release_locked();
  }

 private:
  // From malloc: also what the arena has no room for.
  void* take_small(std::size_t size) {
    if (auto& free = free_[size]; !free.empty()) {
      void* block = free.back();
      free.pop_back();
      cached_ -= size;
      return block;
    }
    void* block = std::aligned_alloc(kAlignment, size);
    if (!block) {
      release_locked();
      block = std::aligned_alloc(kAlignment, size);
    }
    if (!block)
      throw OutOfMemory(cat("allocate: no memory for ", size, " bytes on cpu: ", live_, " live, ",
                            cached_ + arena_.cached(), " cached, ", peak_, " at the peak; a smaller batch needs less"),
                        {.wanted = size, .live = live_, .total = 0});
    return block;
  }

  void release_locked() {
    for (auto& [size, blocks] : free_)
      for (void* block : blocks) std::free(block);
    free_.clear();
    cached_ = 0;
    arena_.release();
  }

  std::mutex mutex_;
  Arena arena_;
  std::map<std::size_t, std::vector<void*>> free_;  // small blocks, by size class
  std::size_t live_ = 0, peak_ = 0, cached_ = 0;
};

CpuCache& cpu_cache() {
  static CpuCache& cpu = *new CpuCache;  // never destroyed: tensors in static variables may outlive any order
  return cpu;
}

const DeviceFunctions& available(Device device) {
  const std::string problem = device_problem(device);
  check(problem.empty(), "allocate", "no memory on ", device, ": ", problem);
  return *cuda_functions();
}

}  // namespace

void* allocate(Device device, std::size_t bytes) {
  if (bytes == 0) return nullptr;
  return device == Device::cpu ? cpu_cache().take(bytes) : available(device).allocate(bytes);
}

void deallocate(Device device, void* block, std::size_t bytes) noexcept {
  if (!block) return;
  if (device == Device::cpu)
    cpu_cache().give_back(block, bytes);
  else
    cuda_functions()->deallocate(block, bytes);
}

MemoryStats memory_stats(Device device) {
  return device == Device::cpu ? cpu_cache().stats() : available(device).memory_stats();
}

void reset_peak_memory(Device device) {
  if (device == Device::cpu)
    cpu_cache().reset_peak();
  else
    available(device).reset_peak_memory();
}

void release_cached_memory(Device device) {
  if (device == Device::cpu)
    cpu_cache().release();
  else
    available(device).release_cached_memory();
}

}  // namespace duel
