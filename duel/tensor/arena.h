// Arena: large blocks in one stretch of address space. Blocks of any size are cut from what was freed, and neighbours
// grow together again, so that memory is hardly more than the most that was ever live, whatever sizes come and go.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace duel {

/// Not thread-safe.
class Arena {
 public:
  /// Blocks begin at multiples of this and take whole ones.
  static constexpr std::size_t kGranularity = 4096;

  /// Sets aside as much address space as there is memory, or as the system grants; memory itself comes with use, in
  /// huge pages where there are any.
  Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  /// A block of `size` bytes, a multiple of kGranularity; null if there is no room.
  void* take(std::size_t size);
  void give_back(void* block, std::size_t size) noexcept;
  bool owns(const void* block) const;
  /// Bytes that were given back and not yet returned to the system.
  std::size_t cached() const { return cached_; }
  /// Returns what is free to the system.
  void release();

 private:
  using Holes = std::map<std::size_t, std::size_t>;  // place -> size

  void add_hole(std::size_t place, std::size_t size);
  void erase(Holes::iterator hole);
  void discard(std::size_t place, std::size_t size) noexcept;

  std::byte* base_ = nullptr;
  std::size_t reserved_ = 0;
  std::size_t top_ = 0;       // all blocks lie below; no hole touches it
  std::size_t resident_ = 0;  // the highest top since the last release
  std::size_t cached_ = 0;
  Holes holes_;
  std::set<std::pair<std::size_t, std::size_t>> by_size_;  // the same: size, place
};

}  // namespace duel
