#include "duel/tensor/allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

namespace duel {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Four classes per power of two (at most a quarter of a block is idle); whole huge pages from 2 MiB on.
std::size_t size_class(std::size_t bytes) {
  if (bytes <= 4 * kAlignment) return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::size_t step = std::max(bytes >= kHugePage ? kHugePage : kAlignment, std::bit_floor(bytes - 1) / 4);
  return (bytes + step - 1) / step * step;
}

class CpuCache {
 public:
  void* take(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    std::lock_guard lock(mutex_);
    void* block = nullptr;
    if (auto& free = free_[size]; !free.empty()) {
      block = free.back();
      free.pop_back();
      stats_.cached -= size;
    } else {
      block = fresh(size);
    }
    stats_.live += size;
    stats_.peak = std::max(stats_.peak, stats_.live);
    return block;
  }

  void give_back(void* block, std::size_t bytes) noexcept {
    const std::size_t size = size_class(bytes);
    std::lock_guard lock(mutex_);
    stats_.live -= size;
    try {
      free_[size].push_back(block);
      stats_.cached += size;
    } catch (const std::bad_alloc&) {
      std::free(block);
    }
  }

  MemoryStats stats() {
    std::lock_guard lock(mutex_);
    return stats_;
  }

  void reset_peak() {
    std::lock_guard lock(mutex_);
    stats_.peak = stats_.live;
  }

  void release() {
    std::lock_guard lock(mutex_);
    release_locked();
  }

 private:
  void* fresh(std::size_t size) {
    const std::size_t alignment = size >= kHugePage ? kHugePage : kAlignment;
    void* block = std::aligned_alloc(alignment, size);
    if (!block) {
      release_locked();
      block = std::aligned_alloc(alignment, size);
    }
    check(block != nullptr, "allocate", "no memory for ", size, " bytes on cpu: ", stats_.live, " live, ",
          stats_.cached, " cached, ", stats_.peak, " at the peak; a smaller batch needs less");
    if (size >= kHugePage) madvise(block, size, MADV_HUGEPAGE);  // only a hint: no harm if refused
    return block;
  }

  void release_locked() {
    for (auto& [size, blocks] : free_)
      for (void* block : blocks) std::free(block);
    free_.clear();
    stats_.cached = 0;
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;  // by size class
  MemoryStats stats_;
};

CpuCache& cache(Device device) {
  check(device == Device::cpu, "allocate", "this build of duel has no memory on device '", device, "'");
  static CpuCache& cpu = *new CpuCache;  // never destroyed: tensors in static variables may outlive any order
  return cpu;
}

}  // namespace

void* allocate(Device device, std::size_t bytes) { return bytes == 0 ? nullptr : cache(device).take(bytes); }

void deallocate(Device device, void* block, std::size_t bytes) noexcept {
  if (block) cache(device).give_back(block, bytes);
}

MemoryStats memory_stats(Device device) { return cache(device).stats(); }
void reset_peak_memory(Device device) { cache(device).reset_peak(); }
void release_cached_memory(Device device) { cache(device).release(); }

}  // namespace duel
