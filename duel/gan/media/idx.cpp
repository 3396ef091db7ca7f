#include "duel/gan/media/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "duel/nn/atomic_file.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kRead[] = "read_idx", kLoad[] = "load_idx_dataset";
constexpr std::uint64_t kMaxDeflate = 1032;  // the most that zlib's format can compress: 258 bytes in two bits
constexpr int kMaxIdxDims = 4;

// A file read through zlib, which hands plain ones through.
class GzipFile {
 public:
  explicit GzipFile(const fs::path& path) : path_(path), file_(::gzopen(path.c_str(), "rb"), &::gzclose_r) {
    check(file_ != nullptr, kRead, path, ": ", std::generic_category().message(errno));
  }

  void read(void* to, std::uint64_t bytes) {
    constexpr std::uint64_t kPiece = std::uint64_t{1} << 30;  // gzread counts in int
    for (auto* next = static_cast<char*>(to); bytes > 0;) {
      const int got = ::gzread(file_.get(), next, static_cast<unsigned>(std::min(bytes, kPiece)));
      if (got <= 0) fail_to_read();
      next += got;
      bytes -= static_cast<std::uint64_t>(got);
    }
  }
  /// Throws if anything follows; reaching the end makes zlib verify its checksum.
  void expect_end() {
    char beyond = 0;
    const int got = ::gzread(file_.get(), &beyond, 1);
    check(got <= 0, kRead, path_, " has more data than its header says");
    int code = Z_OK;  // a stream without its end also reads as 0 bytes
    ::gzerror(file_.get(), &code);
    if (code != Z_OK && code != Z_STREAM_END) fail_to_read();
  }
  /// Known after the first read.
  bool is_plain() { return ::gzdirect(file_.get()) != 0; }

 private:
  [[noreturn]] void fail_to_read() {
    int code = Z_OK;
    const char* message = ::gzerror(file_.get(), &code);
    if (code == Z_ERRNO) fail(kRead, path_, ": ", std::generic_category().message(errno));
    if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR) fail(kRead, path_, " is cut short");
    fail(kRead, path_, " is damaged: ", message);
  }

  const fs::path& path_;
  std::unique_ptr<gzFile_s, decltype(&::gzclose_r)> file_;
};

std::string_view element_name(std::uint8_t code) {
  switch (code) {
    case 0x08: return "uint8";
    case 0x09: return "int8";
    case 0x0B: return "int16";
    case 0x0C: return "int32";
    case 0x0D: return "float32";
    case 0x0E: return "float64";
    default: return "";
  }
}

// The sizes in the header; not yet compared with the file's.
Shape read_sizes(GzipFile& file, const fs::path& path) {
  std::array<std::uint8_t, 4> magic{};  // 0, 0, element type, dimensions
  file.read(magic.data(), magic.size());
  const std::string_view element = element_name(magic[2]);
  check(magic[0] == 0 && magic[1] == 0 && !element.empty(), kRead, path, " is not an IDX file");
  check(element == "uint8", kRead, path, " holds elements of type ", element, "; only uint8 is read");
  check(magic[3] >= 1 && magic[3] <= kMaxIdxDims, kRead, path, " has ", int{magic[3]}, " dimensions; 1 to ",
        kMaxIdxDims, " are read");
  Shape sizes;
  for (int i = 0; i < magic[3]; ++i) {
    std::array<std::uint8_t, 4> size{};  // big-endian
    file.read(size.data(), size.size());
    sizes.push_back(std::int64_t{size[0]} << 24 | size[1] << 16 | size[2] << 8 | size[3]);
  }
  return sizes;
}

// How the names of files of pictures end, and what the names of their labels have instead.
constexpr std::string_view kPictures = "-images-idx3-ubyte", kLabels = "-labels-idx1-ubyte", kGzip = ".gz";

std::vector<std::string_view> split_names(Split split) {
  return split == Split::train ? std::vector<std::string_view>{"train"} : std::vector<std::string_view>{"t10k", "test"};
}

// What stands before "train" or the like in the name of a file of pictures of that split, such as "emnist-letters-".
std::optional<std::string> prefix_of(const fs::path& file, Split split) {
  std::string name = file.filename().string();
  if (name.ends_with(kGzip)) name.resize(name.size() - kGzip.size());
  for (const std::string_view split_name : split_names(split))
    if (const std::string ending = cat(split_name, kPictures); name.ends_with(ending))
      return name.substr(0, name.size() - ending.size());
  return std::nullopt;
}

// Those of all data sets in a folder.
std::set<std::string> prefixes_in(const fs::path& folder, Split split) {
  std::set<std::string> prefixes;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error))
    if (auto prefix = prefix_of(entry->path(), split)) prefixes.insert(std::move(*prefix));
  return prefixes;
}

std::optional<fs::path> find_file(const fs::path& folder, const std::string& name) {
  std::error_code ignored;
  for (const fs::path& path : {folder / name, folder / cat(name, kGzip)})
    if (fs::exists(path, ignored)) return path;
  return std::nullopt;
}

fs::path find_pictures(const fs::path& path, Split split) {
  std::error_code ignored;
  std::string prefix;
  fs::path folder = path;
  if (fs::is_regular_file(path, ignored)) {
    const auto train = prefix_of(path, Split::train), test = prefix_of(path, Split::test);
    check(train || test, kLoad, path, " is not named like a file of pictures, ...train", kPictures, " or the like");
    prefix = train ? *train : *test;
    folder = path.parent_path();
  } else if (const std::set<std::string> prefixes = prefixes_in(path, split); !prefixes.empty()) {
    prefix = *prefixes.begin();
    check(prefixes.size() == 1, kLoad, "folder ", path, " has ", prefixes.size(), " data sets, such as ", prefix,
          "... and ", *prefixes.rbegin(), "...; give the file with the pictures of the one that is wanted");
  }
  for (const std::string_view split_name : split_names(split))
    if (const auto found = find_file(folder, cat(prefix, split_name, kPictures))) return *found;
  const std::string name = cat(prefix, split_names(split).front(), kPictures);
  check(fs::is_directory(folder, ignored), kLoad, "there is no folder ", folder, " (looked there for ", name, " and ",
        name, ".gz); Fashion-MNIST comes with Debian's package dataset-fashion-mnist, in ",
        "/usr/share/datasets/fashion-mnist");
  fail(kLoad, "folder ", folder, " has neither ", name, " nor ", name, ".gz");
}

fs::path find_labels(const fs::path& pictures) {
  std::string name = pictures.filename().string();
  if (name.ends_with(kGzip)) name.resize(name.size() - kGzip.size());
  name.replace(name.size() - kPictures.size(), kPictures.size(), kLabels);
  const auto found = find_file(pictures.parent_path(), name);
  check(found.has_value(), kLoad, "folder ", pictures.parent_path(), " has neither ", name, " nor ", name, ".gz");
  return *found;
}

}  // namespace

Tensor read_idx(const fs::path& path) {
  const std::uint64_t file_bytes = regular_file_size(kRead, path);
  GzipFile file(path);
  const Shape sizes = read_sizes(file, path);
  const std::uint64_t header_bytes = 4 + 4 * static_cast<std::uint64_t>(sizes.dim());
  const std::uint64_t room = file.is_plain() ? file_bytes - header_bytes : file_bytes * kMaxDeflate;
  std::uint64_t bytes = 1, span = 1;  // span counts sizes of 0 as 1: it can't be made to overflow by hiding behind one
  for (std::int64_t size : sizes) {
    bytes *= static_cast<std::uint64_t>(size);
    const bool fits = !__builtin_mul_overflow(span, static_cast<std::uint64_t>(std::max<std::int64_t>(size, 1)), &span);
    check(fits && bytes <= room, kRead, path, " should hold ", sizes, " bytes but is cut short at ", file_bytes,
          file.is_plain() ? "" : ", compressed");
  }
  check(span <= INT64_MAX, kRead, path, " has sizes ", sizes, " beyond 63 bits");
  Tensor t = Tensor::empty(sizes, {.dtype = DType::uint8});
  file.read(t.storage()->data(), bytes);
  file.expect_end();
  return t;
}

TensorDataset load_idx_dataset(const fs::path& path, Split split) {
  const fs::path picture_file = find_pictures(path, split), label_file = find_labels(picture_file);
  const Tensor pictures = read_idx(picture_file), labels = read_idx(label_file);
  check(pictures.dim() == 3 && pictures.numel() > 0, kLoad, picture_file, " should hold [N, H, W], not ",
        pictures.shape());
  check(labels.dim() == 1 && labels.size(0) == pictures.size(0), kLoad, label_file, " has labels ", labels.shape(),
        " for the pictures ", pictures.shape(), " of ", picture_file, "; there must be one for each");
  TensorDataset dataset;
  const bool is_transposed = picture_file.filename().string().starts_with("emnist-");
  dataset.pictures = (is_transposed ? pictures.transpose(1, 2).row_major() : pictures).unsqueeze(1);
  dataset.source = picture_file.string();
  dataset.labels = labels.to(DType::int64);
  const auto* first = labels.data<std::uint8_t>();
  dataset.count = *std::max_element(first, first + labels.numel()) + 1;
  dataset.validate();
  return dataset;
}

bool is_idx_dataset(const fs::path& path) {
  for (const Split split : {Split::train, Split::test})
    if (prefix_of(path, split) || !prefixes_in(path, split).empty()) return true;
  return false;
}

}  // namespace duel
