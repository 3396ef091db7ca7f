// Files that only grow, record by record: logs.
#pragma once

#include <filesystem>
#include <string_view>

namespace duel {

/// What is appended is with the system when `append` returns, so that a killed process loses nothing. What fails throws
/// `Error` with the path and the system's reason, and leaves the file as it was before.
class AppendFile {
 public:
  /// Makes the file, if it isn't there.
  explicit AppendFile(std::filesystem::path path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void append(std::string_view bytes);
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace duel
