// What kernels derive from the contents of a storage and would otherwise derive again at every call: packed weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace duel {

/// Belongs to one storage: it is emptied when the storage is written in place and goes when the storage goes. It takes
/// a bounded multiple of the storage's own bytes; what was used longest ago makes room. Thread-safe.
class DerivedCache {
 public:
  /// Everything that the value depends on besides the contents: the kind of value, offset, sizes, strides.
  using Key = std::vector<std::int64_t>;
  using Value = std::shared_ptr<const void>;

  /// Holds at most `most_bytes`.
  explicit DerivedCache(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// The value kept under `key`, or null.
  Value find(const Key& key);
  /// Keeps a value of `bytes` bytes unless that alone is too much.
  void keep(Key key, Value value, std::size_t bytes);
  void clear();
  std::size_t bytes() const;

 private:
  struct Entry {
    Key key;
    Value value;
    std::size_t bytes;
  };

  std::size_t most_bytes_, bytes_ = 0;
  std::vector<Entry> entries_;  // the last used one last; a layer has a few, a network's flat buffer some dozens
  mutable std::mutex mutex_;
};

}  // namespace duel
