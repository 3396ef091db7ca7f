// Files written as a whole or not at all, and the checks that come before reading one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace duel {

/// A file that takes the place of the one at `path` when it is complete, and never before: it is written under another
/// name in the same folder, flushed, and renamed. Whatever fails throws `Error` with the path and the system's reason,
/// and leaves the previous file as it was. A link is followed; the permissions of a file replaced are kept.
class AtomicFile {
 public:
  /// Throws if no file can be made in that folder, or if `path` is there and is not a regular file.
  explicit AtomicFile(const std::filesystem::path& path);
  /// Removes the unfinished file, unless committed.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t bytes);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  /// The file is on the disk and at its place when this returns. Once, and last.
  void commit();

 private:
  [[noreturn]] void fail_with(int error) const;

  std::filesystem::path target_, temporary_;
  int descriptor_ = -1;
};

/// Puts `bytes` at `path`, as a whole or not at all (see AtomicFile).
void atomic_write(const std::filesystem::path& path, std::string_view bytes);

/// Bytes in the regular file at `path`. Throws, naming `operation` and the path, if it is missing, out of reach, or
/// something else than a file (a folder; a pipe, which could hang its reader).
std::uint64_t regular_file_size(const char* operation, const std::filesystem::path& path);

/// Everything in the regular file at `path`; throws like `regular_file_size`.
std::string read_file(const char* operation, const std::filesystem::path& path);

}  // namespace duel
