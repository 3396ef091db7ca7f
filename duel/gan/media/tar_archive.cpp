#include "duel/gan/media/tar_archive.h"

#include <algorithm>
#include <array>
#include <memory>

#include "duel/nn/atomic_file.h"
#include "duel/tensor/error.h"

#ifdef DUEL_HAS_LIBARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif

namespace duel {

namespace fs = std::filesystem;

#ifdef DUEL_HAS_LIBARCHIVE

namespace {

struct FreeArchive {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, FreeArchive>;

// What an archive says of a size can be anything: memory is taken as bytes come.
std::string read_entry(archive* reader, std::uint64_t max_bytes, const char* operation, const std::string& where) {
  std::array<char, 1 << 16> piece;
  std::string bytes;
  for (;;) {
    const la_ssize_t got = archive_read_data(reader, piece.data(), piece.size());
    check(got >= 0, operation, where, " can't be read: ", archive_error_string(reader));
    if (got == 0) return bytes;
    bytes.append(piece.data(), static_cast<std::size_t>(got));
    check(bytes.size() <= max_bytes, operation, where, " has more than ", max_bytes, " bytes");
  }
}

}  // namespace

std::map<std::string, std::string> read_tar(const char* operation, const fs::path& path,
                                            const std::vector<std::string>& names, std::uint64_t max_bytes) {
  regular_file_size(operation, path);  // throws for what is no file
  const Reader reader(archive_read_new());
  check(reader != nullptr, operation, "libarchive has no memory");
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_all(reader.get());
  constexpr std::size_t kBlock = 1 << 16;
  check(archive_read_open_filename(reader.get(), path.c_str(), kBlock) == ARCHIVE_OK, operation, path,
        " is no tar archive: ", archive_error_string(reader.get()));
  std::map<std::string, std::string> files;
  for (archive_entry* entry = nullptr;;) {
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) return files;
    check(status == ARCHIVE_OK, operation, path, " is damaged or no tar archive: ", archive_error_string(reader.get()));
    const char* raw = archive_entry_pathname(entry);
    const std::string name = fs::path(raw ? raw : "").filename().string();
    if (archive_entry_filetype(entry) != AE_IFREG || std::find(names.begin(), names.end(), name) == names.end())
      continue;
    const std::string where = cat(path, ", ", name);
    check(files.count(name) == 0, operation, where, " is there twice");
    files[name] = read_entry(reader.get(), max_bytes, operation, where);
  }
}

#else

std::map<std::string, std::string> read_tar(const char* operation, const fs::path& path,
                                            const std::vector<std::string>&, std::uint64_t) {
  fail(operation, path, " is a tar archive, and duel was built without libarchive: unpack it and give the folder; or ",
       "install libarchive (on Debian: apt install libarchive-dev), configure with -DDUEL_LIBARCHIVE=ON and build ",
       "again");
}

#endif

}  // namespace duel
