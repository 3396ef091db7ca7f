// The caching allocator: blocks, 64-byte aligned and counted, that are kept for the next one when they are freed.
#pragma once

#include <cstddef>
#include <string>

#include "duel/tensor/dtype.h"

namespace duel {

/// Bytes of one device's memory, as tensors asked for them (rounded up to the size class).
struct MemoryStats {
  std::size_t live = 0;    ///< held by tensors now
  std::size_t peak = 0;    ///< the most that was ever live since the last `reset_peak_memory`
  std::size_t cached = 0;  ///< freed by tensors and kept for the next one
};

/// Thrown when a device has no memory left.
class OutOfMemory : public Error {
 public:
  struct Bytes {
    std::size_t wanted, live;  ///< what was asked for, what tensors and recorded steps hold
    std::size_t total;         ///< what the device has; 0 if that is not known
  };
  OutOfMemory(const std::string& message, const Bytes& bytes) : Error(message), bytes_(bytes) {}
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

/// A block of at least `bytes` bytes, 64-byte aligned (256 on CUDA), uninitialised. Throws `OutOfMemory` naming live,
/// cached and peak bytes when memory is exhausted. `bytes` = 0 gives nullptr.
void* allocate(Device device, std::size_t bytes);
/// Gives back a block that `allocate` returned for the same `bytes`.
void deallocate(Device device, void* block, std::size_t bytes) noexcept;

MemoryStats memory_stats(Device device);
void reset_peak_memory(Device device);
/// Returns the cached blocks to the system.
void release_cached_memory(Device device);

}  // namespace duel
