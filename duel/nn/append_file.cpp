#include "duel/nn/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "duel/tensor/error.h"

namespace duel {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

}  // namespace

AppendFile::AppendFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("append to file", path_, ": ", reason(errno));
}

AppendFile::~AppendFile() { ::close(descriptor_); }

void AppendFile::append(std::string_view bytes) {
  struct stat before {};
  if (::fstat(descriptor_, &before) != 0) fail("append to file", path_, ": ", reason(errno));
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      // Half a record would spoil those after it. Where even that fails there is nothing left to do.
      static_cast<void>(!::ftruncate(descriptor_, before.st_size));
      fail("append to file", path_, ": ", reason(error));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace duel
