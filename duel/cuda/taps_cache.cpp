#include "duel/cuda/taps_cache.h"

#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

#include "duel/cuda/runtime.h"

namespace duel::cuda {
namespace {

constexpr std::size_t kMostEntries = 4096;

void append_bytes(std::string& to, const Tensor& t) {
  const std::int64_t bytes = t.numel() * static_cast<std::int64_t>(size_of(t.dtype()));
  to.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  const std::byte* first = t.storage()->data() + t.offset() * static_cast<std::int64_t>(size_of(t.dtype()));
  to.append(reinterpret_cast<const char*>(first), static_cast<std::size_t>(bytes));
}

std::string content(const Taps& taps, DType weight) {
  std::string bytes{static_cast<char>(weight)};
  for (const Tensor& t : {taps.first, taps.index, taps.weight}) append_bytes(bytes, t.row_major());
  return bytes;
}

class TapsCache {
 public:
  DeviceTaps find_or_copy(const Taps& taps, DType weight) {
    std::string key = content(taps, weight);
    const bool capturing = is_capturing();
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end()) {
      found->second.recorded |= capturing;
      return found->second.taps;
    }
    check(!capturing, "resample2d",
          "its weights must first be copied to the device, which a step that is being recorded cannot do: run the step "
          "once with the same sizes before");
    while (order_.size() >= kMostEntries) drop_oldest();
    const auto copy = [](const Tensor& t) { return t.to(Device::cuda); };
    const auto [entry, added] =
        entries_.emplace(std::move(key), Entry{{copy(taps.first), copy(taps.index), copy(taps.weight.to(weight))}});
    order_.push_back(&entry->first);
    return entry->second.taps;
  }

 private:
  struct Entry {
    DeviceTaps taps;
    bool recorded = false;
  };

  // Those that a record uses leave the order but not the entries.
  void drop_oldest() {
    const auto oldest = entries_.find(*order_.front());
    order_.pop_front();
    if (!oldest->second.recorded) entries_.erase(oldest);
  }

  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;  // by content
  std::deque<const std::string*> order_;            // their keys, the oldest first
};

}  // namespace

DeviceTaps device_taps(const Taps& taps, DType weight) {
  static TapsCache& cache = *new TapsCache;  // never destroyed: the driver may be gone by then
  return cache.find_or_copy(taps, weight);
}

}  // namespace duel::cuda
