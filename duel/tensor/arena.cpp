#include "duel/tensor/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <new>

namespace duel {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

Arena::Arena() {
  const std::size_t memory =
      static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (reserved_ = memory / kHugePage * kHugePage; reserved_ >= kHugePage; reserved_ /= 2) {
    void* found = mmap(nullptr, reserved_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) continue;
    base_ = static_cast<std::byte*>(found);
    madvise(base_, reserved_, MADV_HUGEPAGE);  // only a hint: no harm if refused
    return;
  }
  reserved_ = 0;
}

Arena::~Arena() {
  if (base_) munmap(base_, reserved_);
}

bool Arena::owns(const void* block) const { return block >= base_ && block < base_ + reserved_; }

// The smallest hole that it fits in, else above all others.
void* Arena::take(std::size_t size) {
  if (const auto fit = by_size_.lower_bound({size, 0}); fit != by_size_.end()) {
    const auto [room, place] = *fit;
    if (room > size) add_hole(place + size, room - size);
    erase(holes_.find(place));
    cached_ -= std::min(cached_, size);
    return base_ + place;
  }
  if (size > reserved_ - top_) return nullptr;
  const std::size_t place = top_;
  top_ += size;
  cached_ -= std::min(cached_, std::min(top_, resident_) - std::min(place, resident_));
  resident_ = std::max(resident_, top_);
  return base_ + place;
}

void Arena::give_back(void* block, std::size_t size) noexcept {
  std::size_t place = static_cast<std::size_t>(static_cast<std::byte*>(block) - base_);
  cached_ += size;
  const auto above = holes_.find(place + size);
  if (above != holes_.end()) {
    size += above->second;
    erase(above);
  }
  if (const auto next = holes_.lower_bound(place); next != holes_.begin())
    if (const auto below = std::prev(next); below->first + below->second == place) {
      place = below->first;
      size += below->second;
      erase(below);
    }
  if (place + size == top_) {
    top_ = place;
    return;
  }
  try {
    add_hole(place, size);
  } catch (const std::bad_alloc&) {  // no room to remember it: the address space is lost, the memory is not
    discard(place, size);
  }
}

void Arena::release() {
  for (const auto& [place, size] : holes_) discard(place, size);
  discard(top_, resident_ - top_);
  resident_ = top_;
  cached_ = 0;
}

void Arena::add_hole(std::size_t place, std::size_t size) {
  const auto hole = holes_.emplace(place, size).first;
  try {
    by_size_.emplace(size, place);
  } catch (...) {
    holes_.erase(hole);
    throw;
  }
}

void Arena::erase(Holes::iterator hole) {
  by_size_.erase({hole->second, hole->first});
  holes_.erase(hole);
}

void Arena::discard(std::size_t place, std::size_t size) noexcept {
  if (size > 0) madvise(base_ + place, size, MADV_DONTNEED);
}

}  // namespace duel
