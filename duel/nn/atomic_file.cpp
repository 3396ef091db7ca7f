#include "duel/nn/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iomanip>
#include <random>
#include <system_error>

#include "duel/tensor/error.h"

namespace duel {
namespace fs = std::filesystem;
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// A name that nobody has: many processes may write in one folder.
fs::path temporary_name(const fs::path& folder, std::random_device& random) {
  std::ostringstream name;
  name << ".duel-" << std::hex << std::setfill('0') << std::setw(8) << random() << std::setw(8) << random() << ".tmp";
  return folder / name.str();
}

// Renaming lasts only once the folder is on the disk too. Some file systems can't be asked (EINVAL).
int flush_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int error = ::fsync(descriptor) == 0 || errno == EINVAL ? 0 : errno;
  ::close(descriptor);
  return error;
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : target_(path) {
  check(path.has_filename(), "write file", path, " names no file");
  std::error_code error;
  const fs::file_status before = fs::status(path, error);
  if (fs::exists(before)) {
    check(fs::is_regular_file(before), "write file", path, " is there and is not a regular file; choose another name");
    target_ = fs::canonical(path, error);
    if (error) fail_with(error.value());
  }
  std::random_device random;
  do {
    temporary_ = temporary_name(folder_of(target_), random);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && (errno == EEXIST || errno == EINTR));
  if (descriptor_ < 0) fail_with(errno);
  // Where permissions can't be set (some network mounts) the new file does without.
  if (fs::exists(before)) static_cast<void>(::fchmod(descriptor_, static_cast<mode_t>(before.permissions())));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail_with(int error) const { fail("write file", target_, ": ", reason(error)); }

void AtomicFile::write(const void* data, std::size_t bytes) {
  check(descriptor_ >= 0, "write file", target_, " has been committed");
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with(errno);
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  check(descriptor_ >= 0, "write file", target_, " has been committed");
  if (::fsync(descriptor_) != 0) fail_with(errno);
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) fail_with(errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_with(errno);
  temporary_.clear();
  if (const int error = flush_folder(folder_of(target_))) fail_with(error);
}

void atomic_write(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

std::uint64_t regular_file_size(const char* operation, const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  check(status.type() != fs::file_type::none, operation, path, ": ", error.message());
  check(fs::exists(status), operation, path, ": no such file");
  check(fs::is_regular_file(status), operation, path, " is not a regular file");
  const std::uintmax_t bytes = fs::file_size(path, error);
  check(!error, operation, path, ": ", error.message());
  return bytes;
}

std::string read_file(const char* operation, const fs::path& path) {
  const std::uint64_t bytes = regular_file_size(operation, path);
  std::ifstream file(path, std::ios::binary);
  check(file.is_open(), operation, path, ": ", reason(errno));
  std::string content(bytes, '\0');
  file.read(content.data(), static_cast<std::streamsize>(bytes));
  check(static_cast<std::uint64_t>(file.gcount()) == bytes, operation, path, ": only ", file.gcount(), " of ", bytes,
        " bytes could be read");
  return content;
}

}  // namespace duel
