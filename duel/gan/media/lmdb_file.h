// LMDB's data files, read-only. They are read here rather than through liblmdb, which trusts what it maps into memory:
// a file that is cut short or altered ends its program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace duel {

/// The main database of a data.mdb: keys and values in the order of the keys, as they were when it was opened. Several
/// threads may read at once. Format version 1, as all of LMDB 0.9 writes it on little-endian machines of 64 bits; no
/// databases within it, and no keys with several values.
class LmdbFile {
 public:
  /// Goes through the pages of keys once. Throws if the file is cut short, altered or not such a one.
  explicit LmdbFile(const std::filesystem::path& path);

  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }
  std::string_view key(std::int64_t index) const;
  std::string value(std::int64_t index) const;

 private:
  struct Entry {
    std::uint64_t value_at, key_at;  // in the file; in `keys_`
    std::uint32_t value_bytes;
    std::uint16_t key_bytes;
  };
  class File;
  class Walk;

  std::shared_ptr<const File> file_;
  std::string keys_;  // all of them, one behind the other
  std::vector<Entry> entries_;
};

}  // namespace duel
