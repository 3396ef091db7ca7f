#include "duel/gan/media/zip_archive.h"

#include <algorithm>
#include <mutex>

#include "duel/nn/atomic_file.h"
#include "duel/tensor/error.h"

#ifdef DUEL_HAS_LIBZIP
#include <zip.h>
#endif

namespace duel {

namespace fs = std::filesystem;

#ifdef DUEL_HAS_LIBZIP

namespace {

constexpr std::uint64_t kMaxDeflate = 1032;  // the most that deflate can compress: 258 bytes in two bits

struct CloseEntry {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

}  // namespace

struct ZipArchive::Handle {
  ~Handle() { zip_discard(zip); }

  zip_t* zip = nullptr;
  std::vector<zip_uint64_t> entries;  // by the place of their names
  std::mutex mutex;                   // libzip's handles are for one thread at a time
};

ZipArchive::ZipArchive(const char* operation, const fs::path& path)
    : operation_(operation), path_(path), handle_(std::make_unique<Handle>()) {
  regular_file_size(operation, path);  // throws for what is no file
  int code = 0;
  handle_->zip = zip_open(path.c_str(), ZIP_RDONLY, &code);
  if (!handle_->zip) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string message = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(operation, path, " is not a whole zip archive: ", message);
  }
  const zip_int64_t entries = zip_get_num_entries(handle_->zip, 0);
  for (zip_int64_t i = 0; i < entries; ++i) {
    const auto entry = static_cast<zip_uint64_t>(i);
    const char* raw = zip_get_name(handle_->zip, entry, 0);
    check(raw != nullptr, operation, path, ": the name of entry ", i, " can't be read");
    std::string name = raw;
    if (name.empty() || name.back() == '/') continue;
    names_.push_back(std::move(name));
    handle_->entries.push_back(entry);
  }
}

ZipArchive::~ZipArchive() = default;

std::string ZipArchive::read(std::size_t index) const {
  const std::lock_guard lock(handle_->mutex);
  zip_t* zip = handle_->zip;
  const std::string& name = names_[index];
  zip_stat_t facts;
  zip_stat_init(&facts);
  constexpr auto kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  const bool known = zip_stat_index(zip, handle_->entries[index], 0, &facts) == 0 && (facts.valid & kNeeded) == kNeeded;
  check(known, operation_, path_, ": '", name, "': ", zip_strerror(zip));
  const bool stored = facts.comp_method == ZIP_CM_STORE;
  check(stored || facts.comp_method == ZIP_CM_DEFLATE, operation_, path_, ": '", name,
        "' is compressed in a way that is not read (method ", facts.comp_method, "); pack it with zip");
  const std::uint64_t room = std::min(facts.comp_size, regular_file_size(operation_, path_));
  check(facts.size / (stored ? 1 : kMaxDeflate) <= room, operation_, path_, ": '", name, "' should have ", facts.size,
        " bytes, more than the ", room, " that it has in the archive can be");
  const std::unique_ptr<zip_file_t, CloseEntry> file(zip_fopen_index(zip, handle_->entries[index], 0));
  check(file != nullptr, operation_, path_, ": '", name, "': ", zip_strerror(zip));
  std::string bytes(facts.size, '\0');
  std::uint64_t done = 0;
  for (zip_int64_t got = 1; done < bytes.size() && got > 0;
       done += static_cast<std::uint64_t>(std::max<zip_int64_t>(got, 0)))
    got = zip_fread(file.get(), bytes.data() + done, bytes.size() - done);
  char beyond;
  const zip_int64_t end = zip_fread(file.get(), &beyond, 1);  // the checksum is compared at the end
  check(done == bytes.size() && end == 0, operation_, path_, ": '", name,
        "': ", end < 0 ? zip_file_strerror(file.get()) : "another size than the archive's list says");
  return bytes;
}

#else

struct ZipArchive::Handle {};

ZipArchive::ZipArchive(const char* operation, const fs::path& path) : operation_(operation), path_(path) {
  fail(operation, path, " is a zip archive, and duel was built without libzip: install it (on Debian: apt install ",
       "libzip-dev), configure with -DDUEL_LIBZIP=ON and build again");
}
ZipArchive::~ZipArchive() = default;
std::string ZipArchive::read(std::size_t) const { return {}; }

#endif

}  // namespace duel
