// Memory of the simulated device: one range of addresses that the host may not touch, except within copies and
// kernels, so that a host's use of a device pointer is a crash. Under AddressSanitizer each block is malloc's instead,
// and the sanitizer sees what kernels read or write beyond it. New blocks are full of 0xff, which are NaN.
#include <sys/mman.h>

#include <cstdlib>
#include <map>

#include "device.h"
#include "duel/tensor/error.h"

namespace duel::simulated {
namespace {

constexpr std::size_t kReserved = std::size_t{2} << 30, kAlignment = 256, kGuarded = std::size_t{2} << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

using Blocks = std::map<const std::byte*, std::size_t>;  // bytes as asked for

struct Memory {
  std::size_t limit = std::size_t{1} << 30;
  std::size_t used = 0;
  Blocks device, pinned;
  std::byte* region = nullptr;  // null under AddressSanitizer
  std::size_t open_bytes = 0;   // of the region, accessible now
  int accesses = 0;

  Memory();
};

Memory::Memory() {
  if (DUEL_SIM_ASAN) return;
  void* p = mmap(nullptr, kReserved + kGuarded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(p != MAP_FAILED, "simulated device", "no addresses for its memory");
  region = reinterpret_cast<std::byte*>(round_up(reinterpret_cast<std::size_t>(p), kGuarded));
  madvise(region, kReserved, MADV_HUGEPAGE);  // then fewer pages change at each access
}

Memory& memory() {
  static Memory m;
  return m;
}

/// Exactly so many bytes of the host, aligned as the device's; null if there are none.
std::byte* host_block(std::size_t bytes) {
  void* p = nullptr;
  return posix_memalign(&p, kAlignment, bytes) == 0 ? static_cast<std::byte*>(p) : nullptr;
}

/// End of the last block.
std::size_t region_in_use() {
  const Memory& m = memory();
  if (!m.region || m.device.empty()) return 0;
  const auto& [start, bytes] = *m.device.rbegin();
  return round_up(static_cast<std::size_t>(start - m.region) + bytes, kGuarded);
}

/// The first gap that is large enough; null if there is none.
std::byte* place_block(std::size_t bytes) {
  Memory& m = memory();
  if (!m.region) return host_block(bytes);
  std::byte* place = m.region;
  for (const auto& [start, size] : m.device) {
    if (static_cast<std::size_t>(start - place) >= bytes) return place;
    place = m.region + round_up(static_cast<std::size_t>(start - m.region) + size, kAlignment);
  }
  return static_cast<std::size_t>(m.region + kReserved - place) >= bytes ? place : nullptr;
}

bool within(const Blocks& blocks, const void* p, std::size_t bytes) {
  const auto* const address = static_cast<const std::byte*>(p);
  auto block = blocks.upper_bound(address);
  if (block == blocks.begin()) return false;
  --block;
  return static_cast<std::size_t>(address - block->first) + bytes <= block->second;
}

}  // namespace

Access::Access() {
  Memory& m = memory();
  if (m.accesses++ > 0 || !m.region) return;
  m.open_bytes = region_in_use();
  if (m.open_bytes > 0) mprotect(m.region, m.open_bytes, PROT_READ | PROT_WRITE);
}

Access::~Access() {
  Memory& m = memory();
  if (--m.accesses > 0 || !m.region) return;
  if (m.open_bytes > 0) mprotect(m.region, m.open_bytes, PROT_NONE);
}

Place place_of(const void* p, std::size_t bytes) {
  if (within(memory().device, p, bytes)) return Place::device;
  return within(memory().pinned, p, bytes) ? Place::pinned : Place::pageable;
}

bool is_device_address(const void* p) {
  const Memory& m = memory();
  const auto* const address = static_cast<const std::byte*>(p);
  if (m.region) return address >= m.region && address < m.region + kReserved;
  return within(m.device, p, 0);
}

void set_memory_limit(std::size_t bytes) {
  check(bytes <= kReserved, "set_memory_limit", "the simulated device has at most ", kReserved, " bytes");
  const Lock lock(device_mutex());
  memory().limit = bytes;
}

}  // namespace duel::simulated

using namespace duel::simulated;

cudaError_t cudaMalloc(void** p, std::size_t bytes) {
  const Lock lock(device_mutex());
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  if (const cudaError_t error = unsafe_call()) return report(error);
  if (!p) return report(cudaErrorInvalidValue);
  *p = nullptr;
  if (bytes == 0) return cudaSuccess;
  Memory& m = memory();
  if (bytes > m.limit || m.used > m.limit - bytes) return report(cudaErrorMemoryAllocation);
  std::byte* const block = place_block(bytes);
  if (!block) return report(cudaErrorMemoryAllocation);
  m.device.emplace(block, bytes);
  m.used += bytes;
  ++mutable_counters().allocations;
  {
    const Access access;
    std::memset(block, 0xff, bytes);
  }
  *p = block;
  return cudaSuccess;
}

cudaError_t cudaFree(void* p) {
  const Lock lock(device_mutex());
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  if (const cudaError_t error = unsafe_call()) return report(error);
  if (!p) return cudaSuccess;
  finish_all_streams();  // it waits, as the real one does
  Memory& m = memory();
  const auto block = m.device.find(static_cast<std::byte*>(p));
  if (block == m.device.end()) return report(cudaErrorInvalidValue);
  m.used -= block->second;
  m.device.erase(block);
  if (!m.region) std::free(p);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const Lock lock(device_mutex());
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  const Memory& m = memory();
  *free = m.limit > m.used ? m.limit - m.used : 0;
  *total = m.limit;
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** p, std::size_t bytes, unsigned) {
  const Lock lock(device_mutex());
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  if (const cudaError_t error = unsafe_call()) return report(error);
  *p = nullptr;
  if (bytes == 0) return cudaSuccess;
  std::byte* const block = host_block(bytes);
  if (!block) return report(cudaErrorMemoryAllocation);
  std::memset(block, 0xff, bytes);
  memory().pinned.emplace(block, bytes);
  *p = block;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* p) {
  const Lock lock(device_mutex());
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  if (const cudaError_t error = unsafe_call()) return report(error);
  if (!p) return cudaSuccess;
  finish_all_streams();
  if (memory().pinned.erase(static_cast<std::byte*>(p)) == 0) return report(cudaErrorInvalidValue);
  std::free(p);
  return cudaSuccess;
}
