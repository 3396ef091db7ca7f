#include "duel/nn/pytorch_archive.h"

#include <array>
#include <bit>
#include <fstream>
#include <sstream>
#include <string_view>

#include "duel/nn/atomic_file.h"
#include "duel/tensor/error.h"

#ifdef DUEL_HAS_LIBZIP
#include <zip.h>
#endif

namespace duel {
namespace {

namespace fs = std::filesystem;

// The layout of PyTorch up to 1.5: five pickles (a magic number, the protocol, a dictionary about the system, the
// content, the keys of the storages), then the storages in the order of the keys, each its count of elements in 8 bytes
// and then the elements.
class LegacyArchive : public PytorchArchive {
 public:
  LegacyArchive(const char* operation, const fs::path& path, std::uint64_t file_bytes)
      : operation_(operation), path_(path), file_bytes_(file_bytes), file_(path, std::ios::binary) {
    check(file_.is_open(), operation, path, " can't be opened for reading");
  }

  pickle::Pickle read_pickle(const pickle::Context& context) override {
    const pickle::Pickle magic = next(context);
    const auto* number = std::get_if<pickle::LongInteger>(&magic.values[magic.root]);
    check(number && number->bytes == kMagic, operation_, path_, " begins with a pickle but not with PyTorch's magic ",
          "number; this is no file of torch.save()");
    const pickle::Pickle version = next(context);
    const auto* protocol = std::get_if<std::int64_t>(&version.values[version.root]);
    check(protocol && *protocol == kProtocol, operation_, path_, ": another protocol than ", kProtocol);
    check_system(next(context));
    pickle::Pickle content = next(context);
    const pickle::Pickle keys = next(context);
    const auto* list = std::get_if<pickle::Sequence>(&keys.values[keys.root]);
    check(list != nullptr, operation_, path_, ": the storages' keys are not in a list");
    for (const pickle::Index item : list->items) {
      const auto* key = std::get_if<pickle::Text>(&keys.values[item]);
      check(key != nullptr, operation_, path_, ": the storages' keys are not texts");
      keys_.push_back(key->utf8);
    }
    return content;
  }

  void find(const std::map<std::string, PytorchStorage>& storages) override {
    for (const std::string& key : keys_) {
      const auto found = storages.find(key);
      check(found != storages.end(), operation_, path_, ": no tensor is of storage '", key,
            "', so its size is not known");
      std::uint64_t elements = 0, bytes = 0;
      read_bytes(&elements, sizeof elements);
      check(elements == found->second.elements, operation_, path_, ": storage '", key, "' has ", elements,
            " elements, but the tensors on it were saved with ", found->second.elements);
      const bool fits = !__builtin_mul_overflow(elements, found->second.element_bytes, &bytes) && bytes <= left();
      check(fits, operation_, path_, ": storage '", key, "' has ", elements, " elements of ",
            found->second.element_bytes, " bytes, but only ", left(), " bytes are left; the file is cut short");
      check(extents_.emplace(key, Extent{position(), bytes}).second, operation_, path_, ": storage '", key,
            "' is there twice");
      file_.seekg(static_cast<std::streamoff>(bytes), std::ios::cur);
    }
    for (const auto& [key, storage] : storages)
      check(extents_.count(key) == 1, operation_, path_, ": storage '", key, "' is missing");
  }

  void read(const std::string& key, std::byte* to) override {
    const Extent& extent = extents_.at(key);
    file_.seekg(static_cast<std::streamoff>(extent.begin));
    read_bytes(to, extent.bytes);
  }

 private:
  struct Extent {
    std::uint64_t begin, bytes;
  };
  // 0x1950a86a20f9469cfc6c, little-endian.
  static constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  static constexpr std::int64_t kProtocol = 1001;

  std::uint64_t position() { return static_cast<std::uint64_t>(file_.tellg()); }
  std::uint64_t left() { return file_bytes_ - position(); }
  pickle::Pickle next(const pickle::Context& context) {
    return pickle::read_pickle(
        file_, left(),
        {context.operation, cat(context.where, ", from byte ", position()), context.is_allowed, context.advice});
  }
  void read_bytes(void* to, std::uint64_t bytes) {
    file_.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    check(static_cast<std::uint64_t>(file_.gcount()) == bytes, operation_, path_, ": ", bytes,
          " bytes could not be read; the file is cut short");
  }
  void check_system(const pickle::Pickle& system) const {
    const auto* facts = std::get_if<pickle::Dict>(&system.values[system.root]);
    check(facts != nullptr, operation_, path_, ": the description of the system is not a dictionary");
    for (const auto& [key, value] : facts->items) {
      const auto* name = std::get_if<pickle::Text>(&system.values[key]);
      const bool* truth = std::get_if<bool>(&system.values[value]);
      if (name && truth && name->utf8 == "little_endian")
        check(*truth, operation_, path_, " is big-endian; save it on a little-endian machine");
    }
  }

  const char* operation_;
  const fs::path path_;
  const std::uint64_t file_bytes_;
  std::ifstream file_;
  std::vector<std::string> keys_;
  std::map<std::string, Extent> extents_;
};

#ifdef DUEL_HAS_LIBZIP

struct CloseZip {
  void operator()(zip_t* zip) const { zip_discard(zip); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

// The layout since PyTorch 1.6: a zip archive of uncompressed entries NAME/data.pkl, NAME/byteorder and NAME/data/KEY.
class ZipArchive : public PytorchArchive {
 public:
  ZipArchive(const char* operation, const fs::path& path, std::uint64_t file_bytes)
      : operation_(operation), path_(path), file_bytes_(file_bytes) {
    int code = 0;
    zip_.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (zip_) return;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string message = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(operation, path, " is not a whole zip archive: ", message);
  }

  pickle::Pickle read_pickle(const pickle::Context& context) override {
    find_prefix();
    const std::int64_t order = zip_name_locate(zip_.get(), (prefix_ + "byteorder").c_str(), 0);
    if (order >= 0) {
      const std::string byteorder = content(static_cast<std::uint64_t>(order));
      check(byteorder != "big", operation_, path_, " is big-endian; save it on a little-endian machine");
      check(byteorder == "little", operation_, path_, ": its byteorder is neither 'little' nor 'big'");
    }
    std::istringstream stream(content(locate(prefix_ + "data.pkl")));
    return pickle::read_pickle(stream, stream.view().size(), context);
  }

  void find(const std::map<std::string, PytorchStorage>& storages) override {
    std::uint64_t total = 0;  // entries may share bytes, and so be more than the file
    for (const auto& [key, storage] : storages) {
      const std::uint64_t entry = locate(prefix_ + "data/" + key), bytes = size(entry);
      std::uint64_t expected = 0;
      const bool is_product = !__builtin_mul_overflow(storage.elements, storage.element_bytes, &expected);
      check(is_product && bytes == expected, operation_, path_, ": storage '", key, "' has ", bytes,
            " bytes, but the tensors on it were saved with ", storage.elements, " elements of ", storage.element_bytes,
            " bytes");
      total += bytes;
      check(total <= file_bytes_, operation_, path_, ": its entries overlap");
      entries_[key] = entry;
    }
  }

  void read(const std::string& key, std::byte* to) override {
    const std::uint64_t entry = entries_.at(key);
    read_entry(entry, to, size(entry));
  }

 private:
  void find_prefix() {
    constexpr std::string_view kPickle = "/data.pkl";
    const zip_int64_t entries = zip_get_num_entries(zip_.get(), 0);
    for (zip_int64_t i = 0; i < entries; ++i) {
      const char* raw = zip_get_name(zip_.get(), static_cast<zip_uint64_t>(i), 0);
      const std::string_view name = raw ? raw : "";
      if (!name.ends_with(kPickle)) continue;
      check(prefix_.empty(), operation_, path_, " has more than one data.pkl");
      prefix_ = name.substr(0, name.size() - kPickle.size() + 1);
    }
    check(!prefix_.empty(), operation_, path_, " is a zip archive without a data.pkl; this is no file of torch.save()");
  }

  std::uint64_t locate(const std::string& name) {
    const zip_int64_t entry = zip_name_locate(zip_.get(), name.c_str(), 0);
    check(entry >= 0, operation_, path_, ": entry '", name, "' is missing");
    return static_cast<std::uint64_t>(entry);
  }

  // Not more than the file's.
  std::uint64_t size(std::uint64_t entry) {
    zip_stat_t facts;
    zip_stat_init(&facts);
    constexpr auto kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    const bool known = zip_stat_index(zip_.get(), entry, 0, &facts) == 0 && (facts.valid & kNeeded) == kNeeded;
    check(known, operation_, path_, ": entry ", entry, ": ", zip_strerror(zip_.get()));
    check(facts.comp_method == ZIP_CM_STORE, operation_, path_, ": entry ", entry,
          " is compressed, which PyTorch never does; unpack it and pack it with `zip -0`");
    check(facts.size <= file_bytes_, operation_, path_, ": entry ", entry, " should have ", facts.size,
          " bytes, but the file has only ", file_bytes_);
    return facts.size;
  }

  std::string content(std::uint64_t entry) {
    std::string bytes(size(entry), '\0');
    read_entry(entry, reinterpret_cast<std::byte*>(bytes.data()), bytes.size());
    return bytes;
  }

  void read_entry(std::uint64_t entry, std::byte* to, std::uint64_t bytes) {
    const std::unique_ptr<zip_file_t, CloseZip> file(zip_fopen_index(zip_.get(), entry, 0));
    check(file != nullptr, operation_, path_, ": entry ", entry, ": ", zip_strerror(zip_.get()));
    std::uint64_t done = 0;
    for (zip_int64_t got = 1; done < bytes && got > 0;
         done += static_cast<std::uint64_t>(std::max<zip_int64_t>(got, 0)))
      got = zip_fread(file.get(), to + done, bytes - done);
    std::byte beyond;
    const zip_int64_t end = zip_fread(file.get(), &beyond, 1);  // the checksum is compared at the end
    check(done == bytes && end == 0, operation_, path_, ": entry ", entry, ": ",
          end < 0 ? zip_file_strerror(file.get()) : "another size than the archive's list says");
  }

  const char* operation_;
  const fs::path path_;
  const std::uint64_t file_bytes_;
  std::unique_ptr<zip_t, CloseZip> zip_;
  std::string prefix_;  // "NAME/"
  std::map<std::string, std::uint64_t> entries_;
};

#endif

}  // namespace

std::unique_ptr<PytorchArchive> open_pytorch_archive(const char* operation, const fs::path& path) {
  const std::uint64_t file_bytes = regular_file_size(operation, path);
  std::array<char, 4> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  if (std::string_view(start.data(), start.size()) == "PK\3\4") {
#ifdef DUEL_HAS_LIBZIP
    return std::make_unique<ZipArchive>(operation, path, file_bytes);
#else
    fail(operation, path, " is a zip archive, and duel was built without libzip: install it (on Debian: apt install ",
         "libzip-dev), configure with -DDUEL_LIBZIP=ON and build again");
#endif
  }
  check(start[0] == '\x80', operation, path,
        " begins neither like a zip archive nor like a pickle; this is no file of ", "torch.save()");
  return std::make_unique<LegacyArchive>(operation, path, file_bytes);
}

}  // namespace duel
