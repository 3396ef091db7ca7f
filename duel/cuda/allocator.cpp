#include "duel/cuda/allocator.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "duel/cuda/runtime.h"

namespace duel::cuda {
namespace {

// Eight classes per power of two: at most an eighth of a block is idle, and blocks of nearly the same size are shared.
// The address sanitizer, on the simulated device, sees the end of a block only where that is the block's end.
std::size_t size_class([[maybe_unused]] std::size_t bytes) {
#ifdef __SANITIZE_ADDRESS__
  return bytes;
#else
  constexpr std::size_t kAlignment = 512;
  const std::size_t step = bytes <= 8 * kAlignment ? kAlignment : std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
#endif
}

class DeviceCache {
 public:
  void* take(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    std::lock_guard lock(mutex_);
    Pool& pool = recording_ ? recorded_ : general_;
    void* block = pool.pop(size);
    if (!block) block = ask_device(size);
    blocks_[block] = {size, &pool};
    live_ += size;
    peak_ = std::max(peak_, live_);
    return block;
  }

  void give_back(void* block) noexcept {
    std::lock_guard lock(mutex_);
    const auto found = blocks_.find(block);
    if (found == blocks_.end()) return;  // cannot be: each was taken from here
    const auto [size, pool] = found->second;
    blocks_.erase(found);
    live_ -= size;
    // A record that is being made may have read it: nobody else may write there as long as the record exists.
    (recording_ ? recorded_ : *pool).push(size, block);
  }

  MemoryStats stats() {
    std::lock_guard lock(mutex_);
    return {live_, peak_, general_.bytes + recorded_.bytes};
  }
  void reset_peak() {
    std::lock_guard lock(mutex_);
    peak_ = live_;
  }
  void release() {
    std::lock_guard lock(mutex_);
    general_.release();
  }

  void set_recording(bool recording) {
    std::lock_guard lock(mutex_);
    recording_ = recording;
  }
  void add_record() {
    std::lock_guard lock(mutex_);
    ++records_;
  }
  void remove_record() {
    std::lock_guard lock(mutex_);
    if (--records_ > 0 || recording_) return;
    general_.take_over(recorded_);
    for (auto& [block, entry] : blocks_) entry.pool = &general_;
  }

 private:
  struct Pool {
    std::map<std::size_t, std::vector<void*>> free;  // by size
    std::size_t bytes = 0;

    void* pop(std::size_t size) {
      const auto found = free.find(size);
      if (found == free.end() || found->second.empty()) return nullptr;
      void* block = found->second.back();
      found->second.pop_back();
      bytes -= size;
      return block;
    }
    void push(std::size_t size, void* block) {
      free[size].push_back(block);
      bytes += size;
    }
    void take_over(Pool& other) {
      for (auto& [size, blocks] : other.free)
        for (void* block : blocks) push(size, block);
      other = {};
    }
    void release() {
      for (auto& [size, blocks] : free)
        for (void* block : blocks) static_cast<void>(cudaFree(block));
      *this = {};
    }
  };
  struct Entry {
    std::size_t size;
    Pool* pool;
  };

  void* ask_device(std::size_t size) {
    void* block = nullptr;
    cudaError_t status = cudaMalloc(&block, size);
    if (status == cudaErrorMemoryAllocation && general_.bytes > 0 && !recording_) {
      static_cast<void>(cudaGetLastError());
      general_.release();  // waits until nothing uses them any more
      status = cudaMalloc(&block, size);
    }
    if (status == cudaErrorMemoryAllocation) {
      static_cast<void>(cudaGetLastError());
      std::size_t free = 0, total = 0;
      static_cast<void>(cudaMemGetInfo(&free, &total));
      throw OutOfMemory(
          cat("allocate: no memory for ", size, " bytes on cuda: ", live_, " live, ", general_.bytes + recorded_.bytes,
              " cached, ", peak_, " at the peak, of ", total, "; a smaller batch needs less"),
          {.wanted = size, .live = live_ + recorded_.bytes, .total = total});
    }
    DUEL_CUDA_CHECK(status);
    return block;
  }

  std::mutex mutex_;
  Pool general_, recorded_;
  std::unordered_map<void*, Entry> blocks_;  // those that are live
  std::size_t live_ = 0, peak_ = 0;
  bool recording_ = false;
  int records_ = 0;
};

DeviceCache& cache() {
  static DeviceCache& the = *new DeviceCache;  // never destroyed, as on the CPU
  return the;
}

}  // namespace

void* allocate(std::size_t bytes) { return cache().take(bytes); }
void deallocate(void* block, std::size_t) noexcept { cache().give_back(block); }
MemoryStats memory_stats() { return cache().stats(); }
void reset_peak_memory() { cache().reset_peak(); }
void release_cached_memory() { cache().release(); }

void begin_recorded_memory() { cache().set_recording(true); }
void end_recorded_memory() noexcept { cache().set_recording(false); }
void add_record() { cache().add_record(); }
void remove_record() noexcept { cache().remove_record(); }

}  // namespace duel::cuda
