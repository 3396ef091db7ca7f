// The caching allocator of the device's memory.
#pragma once

#include <cstddef>

#include "duel/tensor/allocator.h"

namespace duel::cuda {

/// As their namesakes in duel/tensor/allocator.h, in blocks at multiples of 256 bytes.
void* allocate(std::size_t bytes);
void deallocate(void* block, std::size_t bytes) noexcept;
MemoryStats memory_stats();
void reset_peak_memory();
void release_cached_memory();

/// Between these two, blocks come from a pool that only recorded steps use: their addresses are part of the record.
/// What is freed meanwhile is reused within that pool, and nowhere else as long as there is a record.
void begin_recorded_memory();
void end_recorded_memory() noexcept;
/// A record begins and ceases to exist. With the last, its pool's free blocks are anybody's again.
void add_record();
void remove_record() noexcept;

}  // namespace duel::cuda
