#include "duel/tensor/derived_cache.h"

#include <algorithm>
#include <utility>

namespace duel {

DerivedCache::Value DerivedCache::find(const Key& key) {
  std::lock_guard lock(mutex_);
  const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  if (at == entries_.end()) return nullptr;
  std::rotate(at, at + 1, entries_.end());
  return entries_.back().value;
}

void DerivedCache::keep(Key key, Value value, std::size_t bytes) {
  if (bytes > most_bytes_) return;
  std::vector<Entry> dropped;  // freed without the lock
  std::lock_guard lock(mutex_);
  // Two threads may have derived the same value at the same time.
  if (std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; })) return;
  while (bytes_ + bytes > most_bytes_) {
    bytes_ -= entries_.front().bytes;
    dropped.push_back(std::move(entries_.front()));
    entries_.erase(entries_.begin());
  }
  entries_.push_back({std::move(key), std::move(value), bytes});
  bytes_ += bytes;
}

void DerivedCache::clear() {
  std::vector<Entry> dropped;
  std::lock_guard lock(mutex_);
  dropped.swap(entries_);
  bytes_ = 0;
}

std::size_t DerivedCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace duel
