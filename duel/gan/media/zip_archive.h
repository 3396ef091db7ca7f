// Zip archives, read through libzip, entry by entry and by several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace duel {

class ZipArchive {
 public:
  /// Throws, naming `operation` and the file, if that is no whole zip archive; also where the library was built without
  /// libzip. `operation` is kept.
  ZipArchive(const char* operation, const std::filesystem::path& path);
  ~ZipArchive();

  /// Of the files in it, in the archive's order; folders are left out.
  const std::vector<std::string>& names() const { return names_; }
  /// What the file names()[index] holds, stored or deflated. Throws if it is damaged, encrypted, otherwise compressed,
  /// or claims to be larger than its bytes in the archive can make it.
  std::string read(std::size_t index) const;

 private:
  struct Handle;
  const char* operation_;
  std::filesystem::path path_;
  std::unique_ptr<Handle> handle_;
  std::vector<std::string> names_;
};

}  // namespace duel
