// The file: "duelpack" and the version; the pictures, one after the other; a table with an entry for each example; the
// end of each text, and the texts: examples' names, then those of the classes; the trailer. What can't be known
// before everything is written comes last. All numbers are little-endian.
#include "duel/gan/data/packed.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <span>
#include <string_view>
#include <system_error>

#include "duel/gan/data/fingerprint.h"
#include "duel/gan/data/xxhash.h"
#include "duel/nn/atomic_file.h"
#include "duel/tensor/thread_pool.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "numbers go to the file as they lie");

constexpr char kPack[] = "pack", kOpen[] = "PackedDataset", kCached[] = "cached";

constexpr std::array<char, 8> kMagic = {'d', 'u', 'e', 'l', 'p', 'a', 'c', 'k'};
constexpr std::uint64_t kVersion = 1;

struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint64_t version = kVersion;
};

enum class Kind : std::uint32_t { none, bytes, floats, error };

// Where one picture lies in the file, [H, W, C] there; or, one byte a pixel, why it can't be read.
struct Stored {
  std::uint64_t offset = 0, checksum = 0;
  std::int32_t channels = 0, height = 0, width = 0;
  Kind kind = Kind::none;
};

struct Entry {
  Stored picture, target;
  std::int64_t label = 0;
};

struct Trailer {
  std::uint64_t table = 0;  // where it begins
  std::uint64_t examples = 0, classes = 0, class_names = 0, text_bytes = 0, fingerprint = 0;
  std::uint64_t table_checksum = 0;  // of all from the table to here
  std::uint64_t checksum = 0;        // of the trailer to here
};
static_assert(sizeof(Header) == 16 && sizeof(Entry) == 72 && sizeof(Trailer) == 64, "no padding goes to the file");

// In bytes; what `Content::fits` lets pass can't overflow.
std::size_t size_of(const Stored& s) {
  return static_cast<std::size_t>(s.channels) * static_cast<std::size_t>(s.height) * static_cast<std::size_t>(s.width) *
         (s.kind == Kind::floats ? sizeof(float) : 1);
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}
std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::uint64_t checksum_of(const Trailer& trailer) {
  return xxhash64(std::as_bytes(std::span(&trailer, 1)).first(offsetof(Trailer, checksum)));
}

// [H, W, C], dense.
std::span<const std::byte> bytes_of(const Tensor& picture) {
  const auto n = static_cast<std::size_t>(picture.numel());
  return picture.dtype() == DType::uint8 ? std::as_bytes(std::span(picture.data<std::uint8_t>(), n))
                                         : std::as_bytes(std::span(picture.data<float>(), n));
}

Tensor rows_of_pixels(const Tensor& picture) { return picture.permute({1, 2, 0}).row_major(); }

// An example as it was read, or why it could not be.
struct Outcome {
  Example example;
  std::string error;
};

void check_picture(const Tensor& picture, const std::string& name) {
  check(picture.dim() == 3 && picture.numel() > 0 && picture.device() == Device::cpu &&
            (picture.dtype() == DType::uint8 || picture.dtype() == DType::float32) &&
            std::ranges::all_of(picture.shape(), [](std::int64_t n) { return n <= INT32_MAX; }),
        kPack, name, ": a picture must be uint8 or float32 [C, H, W] on the CPU, got ", picture);
}

Outcome try_read(const Dataset& dataset, std::int64_t index, Rng draws) {
  try {
    Example e = dataset.read(index, draws);
    check(e.picture.defined(), kPack, dataset.name(index), " has no picture");
    for (Tensor* t : {&e.picture, &e.target}) {
      if (!t->defined()) continue;
      check_picture(*t, dataset.name(index));
      *t = rows_of_pixels(*t);
    }
    return {std::move(e), ""};
  } catch (const Error& error) {
    return {{}, *error.what() ? error.what() : "unknown error"};
  }
}

// Writes a file from its beginning to its end.
class Writer {
 public:
  explicit Writer(const fs::path& path) : file_(path) {
    const Header header;
    write(std::as_bytes(std::span(&header, 1)));
  }

  void add(const Outcome& outcome, std::int64_t label, const std::string& name) {
    Entry entry;
    entry.label = label;
    if (!outcome.error.empty())
      entry.picture = put(bytes_of(std::string_view(outcome.error)),
                          {1, static_cast<std::int64_t>(outcome.error.size()), 1}, Kind::error);
    else
      entry.picture = put(outcome.example.picture);
    if (outcome.example.target.defined()) entry.target = put(outcome.example.target);
    entries_.push_back(entry);
    add_text(name);
  }

  void finish(const Dataset& dataset, std::uint64_t print) {
    const std::vector<std::string> class_names = dataset.class_names();
    for (const std::string& name : class_names) add_text(name);
    Trailer trailer{.table = position_,
                    .examples = entries_.size(),
                    .classes = static_cast<std::uint64_t>(dataset.classes()),
                    .class_names = class_names.size(),
                    .text_bytes = texts_.size(),
                    .fingerprint = print};
    for (const auto part : {bytes_of(entries_), bytes_of(ends_), bytes_of(std::string_view(texts_))}) {
      write(part);
      trailer.table_checksum = xxhash64(part, trailer.table_checksum);
    }
    trailer.checksum = checksum_of(trailer);
    write(std::as_bytes(std::span(&trailer, 1)));
    file_.commit();
  }

 private:
  void write(std::span<const std::byte> bytes) {
    file_.write(bytes.data(), bytes.size());
    position_ += bytes.size();
  }

  // `size` is [H, W, C].
  Stored put(std::span<const std::byte> bytes, const Shape& size, Kind kind) {
    const auto side = [&](int dim) { return static_cast<std::int32_t>(size[dim]); };
    const Stored stored{.offset = position_,
                        .checksum = xxhash64(bytes),
                        .channels = side(2),
                        .height = side(0),
                        .width = side(1),
                        .kind = kind};
    write(bytes);
    return stored;
  }
  Stored put(const Tensor& picture) {
    return put(bytes_of(picture), picture.shape(), picture.dtype() == DType::uint8 ? Kind::bytes : Kind::floats);
  }

  void add_text(const std::string& text) {
    texts_ += text;
    ends_.push_back(texts_.size());
  }

  AtomicFile file_;
  std::uint64_t position_ = 0;
  std::vector<Entry> entries_;
  std::vector<std::uint64_t> ends_;  // in texts_
  std::string texts_;
};

void pack_as(std::uint64_t print, const Dataset& dataset, const fs::path& path, const PackOptions& options) {
  constexpr std::int64_t kAtOnce = 32;  // examples in memory
  const std::int64_t n = dataset.size();
  Writer writer(path);
  std::int64_t readable = 0;
  std::string last_error;
  for (std::int64_t begin = 0; begin < n; begin += kAtOnce) {
    const std::int64_t count = std::min(kAtOnce, n - begin);
    std::vector<Outcome> outcomes(static_cast<std::size_t>(count));
    parallel_for(count, 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i)
        outcomes[static_cast<std::size_t>(i)] = try_read(dataset, begin + i, Rng(0));
    });
    for (std::int64_t i = 0; i < count; ++i) {
      const Outcome& outcome = outcomes[static_cast<std::size_t>(i)];
      const std::string name = dataset.name(begin + i);
      if (outcome.error.empty())
        ++readable;
      else if (last_error = outcome.error; options.warn)
        options.warn(name + " can't be read: " + outcome.error);
      writer.add(outcome, dataset.classes() > 0 ? dataset.label(begin + i) : 0, name);
    }
    if (options.progress) options.progress(begin + count, n);
  }
  check(readable > 0, kPack, "none of the ", n, " examples can be read, the last one for: ", last_error);
  writer.finish(dataset, print);
}

}  // namespace

void pack(const Dataset& dataset, const fs::path& path, const PackOptions& options) {
  pack_as(fingerprint(dataset), dataset, path, options);
}

// Reading. By pread rather than through a mapping: the page cache keeps the file either way, and a disk that fails or a
// file that somebody cuts is an error then instead of a signal.

struct PackedDataset::Content {
  explicit Content(const fs::path& p) : path(p) {
    file_bytes = regular_file_size(kOpen, path);
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    check(descriptor >= 0, kOpen, path, ": ", std::generic_category().message(errno));
  }
  ~Content() { ::close(descriptor); }
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  void read(std::uint64_t offset, std::span<std::byte> to) const {
    while (!to.empty()) {
      const ssize_t got = ::pread(descriptor, to.data(), to.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      check(got >= 0, kOpen, path, ": ", std::generic_category().message(errno));
      check(got > 0, kOpen, path, " has been cut short since it was opened");
      offset += static_cast<std::uint64_t>(got);
      to = to.subspan(static_cast<std::size_t>(got));
    }
  }

  template <class... Args>
  void check_intact(bool ok, const Args&... what) const {
    check(ok, kOpen, path, " is damaged: ", what..., "; pack it anew");
  }

  void open();
  // Throws if what is stored has changed.
  void read(const Stored& stored, std::int64_t index, std::span<std::byte> to) const;
  Tensor picture(const Stored& stored, std::int64_t index) const;
  void verify(std::int64_t index) const;

  std::string text(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    return texts.substr(begin, ends[i] - begin);
  }
  const Entry& entry(std::int64_t index) const { return entries[static_cast<std::size_t>(index)]; }
  fs::path path;
  std::uint64_t file_bytes;
  int descriptor;
  Trailer trailer;
  std::vector<Entry> entries;
  std::vector<std::uint64_t> ends;
  std::string texts;

 private:
  void read_trailer();
  bool fits(const Stored& stored) const;
};

void PackedDataset::Content::read_trailer() {
  Header header;
  check(file_bytes >= sizeof(Header), kOpen, path, " is no packed data set");
  read(0, std::as_writable_bytes(std::span(&header, 1)));
  check(header.magic == kMagic, kOpen, path, " is no packed data set");
  check(header.version == kVersion, kOpen, path, " is of version ", header.version,
        " of the format, this program reads version ", kVersion, "; pack it anew");
  check_intact(file_bytes >= sizeof(Header) + sizeof(Trailer), "it ends after ", file_bytes, " bytes");
  read(file_bytes - sizeof(Trailer), std::as_writable_bytes(std::span(&trailer, 1)));
  check_intact(trailer.checksum == checksum_of(trailer), "its end is missing or altered");
}

bool PackedDataset::Content::fits(const Stored& s) const {
  if (s.kind != Kind::bytes && s.kind != Kind::floats && s.kind != Kind::error) return false;
  if (s.channels < 1 || s.height < 1 || s.width < 1 || s.offset < sizeof(Header) || s.offset > trailer.table)
    return false;
  const auto row = static_cast<std::uint64_t>(s.width) * (s.kind == Kind::floats ? sizeof(float) : 1);
  const std::uint64_t rows = static_cast<std::uint64_t>(s.channels) * static_cast<std::uint64_t>(s.height);
  return rows <= (trailer.table - s.offset) / row;
}

void PackedDataset::Content::open() {
  read_trailer();
  // What is there bounds each number before memory is taken for it.
  const std::uint64_t most = file_bytes;
  check_intact(trailer.examples >= 1 && trailer.examples <= most / sizeof(Entry) && trailer.class_names <= most &&
                   trailer.text_bytes <= most && trailer.table >= sizeof(Header) && trailer.table <= most &&
                   trailer.table + trailer.examples * (sizeof(Entry) + sizeof(std::uint64_t)) +
                           trailer.class_names * sizeof(std::uint64_t) + trailer.text_bytes + sizeof(Trailer) ==
                       file_bytes,
               "its table does not fill what is left of it");
  entries.resize(trailer.examples);
  ends.resize(trailer.examples + trailer.class_names);
  texts.resize(trailer.text_bytes);
  std::uint64_t offset = trailer.table, checksum = 0;
  for (const auto part : {std::as_writable_bytes(std::span(entries)), std::as_writable_bytes(std::span(ends)),
                          std::as_writable_bytes(std::span(texts))}) {
    read(offset, part);
    offset += part.size();
    checksum = xxhash64(part, checksum);
  }
  check_intact(checksum == trailer.table_checksum, "its table is altered");
  check_intact(trailer.classes <= INT64_MAX && (trailer.class_names == 0 || trailer.class_names == trailer.classes),
               "it names ", trailer.class_names, " of ", trailer.classes, " classes");
  check_intact(std::ranges::is_sorted(ends) && ends.back() == texts.size(), "its texts overlap");
  for (const Entry& e : entries)
    check_intact(fits(e.picture) && (e.target.kind == Kind::none || (fits(e.target) && e.target.kind != Kind::error)) &&
                     e.label >= 0 && static_cast<std::uint64_t>(e.label) < std::max(trailer.classes, std::uint64_t{1}),
                 "an entry of its table is impossible");
}

void PackedDataset::Content::read(const Stored& stored, std::int64_t index, std::span<std::byte> to) const {
  read(stored.offset, to);
  check_intact(xxhash64(to) == stored.checksum, text(static_cast<std::size_t>(index)), " is altered");
}

Tensor PackedDataset::Content::picture(const Stored& stored, std::int64_t index) const {
  const DType type = stored.kind == Kind::bytes ? DType::uint8 : DType::float32;
  Tensor pixels = Tensor::empty({stored.height, stored.width, stored.channels}, {.dtype = type});
  const auto n = static_cast<std::size_t>(pixels.numel());
  const std::span<std::byte> bytes = type == DType::uint8
                                         ? std::as_writable_bytes(std::span(pixels.mutable_data<std::uint8_t>(), n))
                                         : std::as_writable_bytes(std::span(pixels.mutable_data<float>(), n));
  read(stored, index, bytes);
  return pixels.permute({2, 0, 1});
}

void PackedDataset::Content::verify(std::int64_t index) const {
  std::vector<std::byte> bytes;
  for (const Stored* stored : {&entry(index).picture, &entry(index).target}) {
    if (stored->kind == Kind::none) continue;
    bytes.resize(size_of(*stored));
    read(*stored, index, bytes);
  }
}

PackedDataset::PackedDataset(const fs::path& path) {
  auto content = std::make_unique<Content>(path);
  content->open();
  content_ = std::move(content);
}

PackedDataset::~PackedDataset() = default;

std::int64_t PackedDataset::size() const { return static_cast<std::int64_t>(content_->entries.size()); }

Example PackedDataset::read(std::int64_t index, Rng&) const {
  const Entry& entry = content_->entry(index);
  if (entry.picture.kind == Kind::error) {
    std::string why(static_cast<std::size_t>(entry.picture.width), '\0');
    content_->read(entry.picture, index, std::as_writable_bytes(std::span(why)));
    throw Error(why);
  }
  Example example{content_->picture(entry.picture, index)};
  if (entry.target.kind != Kind::none) example.target = content_->picture(entry.target, index);
  return example;
}

std::int64_t PackedDataset::label(std::int64_t index) const { return content_->entry(index).label; }
std::string PackedDataset::name(std::int64_t index) const { return content_->text(static_cast<std::size_t>(index)); }
std::int64_t PackedDataset::classes() const { return static_cast<std::int64_t>(content_->trailer.classes); }

std::vector<std::string> PackedDataset::class_names() const {
  std::vector<std::string> names;
  for (std::size_t i = content_->entries.size(); i < content_->ends.size(); ++i) names.push_back(content_->text(i));
  return names;
}

std::uint64_t PackedDataset::fingerprint() const { return content_->trailer.fingerprint; }

void PackedDataset::verify() const {
  parallel_for(size(), 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) content_->verify(i);
  });
}

bool is_packed(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  std::array<char, kMagic.size()> begin{};
  std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
  return begin == kMagic;
}

std::unique_ptr<PackedDataset> cached(const Dataset& dataset, const fs::path& file, const PackOptions& options) {
  const std::uint64_t print = duel::fingerprint(dataset);
  std::string why;
  std::error_code ignored;
  if (fs::exists(file, ignored)) {
    check(is_packed(file), kCached, file, " is there and is no packed data set; choose another name for the cache");
    try {
      auto packed = std::make_unique<PackedDataset>(file);
      if (packed->fingerprint() == print) {
        packed->verify();
        return packed;
      }
      why = cat(file, " was packed from other data, or they have changed since: ");
    } catch (const Error& e) {
      why = cat(e.what(), ": ");
    }
  }
  if (options.warn) options.warn(cat(why, "packing ", dataset.size(), " examples into ", file));
  pack_as(print, dataset, file, options);
  return std::make_unique<PackedDataset>(file);
}

}  // namespace duel
