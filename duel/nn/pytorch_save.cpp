// save_pytorch: a pickle of an OrderedDict (https://docs.python.org/3/library/pickle.html) in a zip archive of stored
// entries (PKWARE's APPNOTE.TXT, 4.3). Written here and not by libzip, which would hold the whole archive in memory and
// doesn't align entries.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "duel/nn/atomic_file.h"
#include "duel/nn/pytorch_file.h"
#include "duel/tensor/error.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kSave[] = "save_pytorch";
constexpr std::size_t kAlignment = 64, kMaxTensors = 65'000;
constexpr std::uint64_t kMaxBytes = 4'000'000'000;  // offsets have 32 bits

// The numbers that both formats are made of: little-endian.
template <class T>
void put(std::string& to, T number) {
  static_assert(std::endian::native == std::endian::little);
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// The checksum of zip archives: the reflected polynomial 0xEDB88320.
std::uint32_t crc32(std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      table[i] = i;
      for (int bit = 0; bit < 8; ++bit) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0);
    }
    return table;
  }();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 255] ^ crc >> 8;
  return ~crc;
}

class ZipWriter {
 public:
  explicit ZipWriter(AtomicFile& file) : file_(file) {}

  void add(std::string_view name, std::string_view content) {
    std::string facts;                      // which stand in front of the entry and in the list at the end
    put<std::uint16_t>(facts, 10);          // version needed
    put<std::uint16_t>(facts, 0);           // flags
    put<std::uint16_t>(facts, 0);           // stored
    put<std::uint16_t>(facts, 0);           // time
    put<std::uint16_t>(facts, 1 << 5 | 1);  // date: the first of January 1980
    put(facts, crc32(content));
    put(facts, static_cast<std::uint32_t>(content.size()));
    put(facts, static_cast<std::uint32_t>(content.size()));
    put(facts, static_cast<std::uint16_t>(name.size()));

    std::string header = "PK\3\4" + facts;
    // PyTorch's padding: an extra field "FB" of as many Z as it takes for the content to begin at a multiple of 64.
    const std::size_t unpadded = position_ + header.size() + 2 + name.size() + 4;
    const std::size_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
    put(header, static_cast<std::uint16_t>(4 + padding));
    header.append(name).append("FB");
    put(header, static_cast<std::uint16_t>(padding));
    header.append(padding, 'Z');

    list_ += "PK\1\2";
    put<std::uint16_t>(list_, 10);  // version made by
    list_ += facts;
    list_.append(12, '\0');  // no extra field, no comment, first disk, no attributes
    put(list_, static_cast<std::uint32_t>(position_));
    list_ += name;
    ++entries_;
    write(header);
    write(content);
  }

  void finish() {
    const std::size_t list_begin = position_, list_bytes = list_.size();
    write(list_);
    std::string end = "PK\5\6";
    put<std::uint32_t>(end, 0);  // first disk
    put(end, entries_);
    put(end, entries_);
    put(end, static_cast<std::uint32_t>(list_bytes));
    put(end, static_cast<std::uint32_t>(list_begin));
    put<std::uint16_t>(end, 0);  // no comment
    write(end);
  }

 private:
  void write(std::string_view bytes) {
    file_.write(bytes);
    position_ += bytes.size();
  }

  AtomicFile& file_;
  std::string list_;
  std::uint16_t entries_ = 0;
  std::size_t position_ = 0;
};

std::string_view storage_class(DType t) {
  switch (t) {
    case DType::float32: return "FloatStorage";
    case DType::float64: return "DoubleStorage";
    case DType::int64: return "LongStorage";
    case DType::uint8: return "ByteStorage";
    case DType::bfloat16: return "BFloat16Storage";
  }
  return "?";
}

// The opcodes of protocol 2 that an OrderedDict of tensors takes; nothing is put into the memo.
class Pickler {
 public:
  Pickler() { out_ = "\x80\x02"; }
  void op(char code) { out_ += code; }
  void global(std::string_view module, std::string_view name) {
    out_.append("c").append(module).append("\n").append(name).append("\n");
  }
  void text(std::string_view utf8) {
    op('X');
    put(out_, static_cast<std::uint32_t>(utf8.size()));
    out_ += utf8;
  }
  void integer(std::int64_t value) {
    out_ += "\x8a\x08";
    put(out_, value);
  }
  void tuple(const Shape& values) {
    op('(');
    for (const std::int64_t v : values) integer(v);
    op('t');
  }
  void ordered_dict() {
    global("collections", "OrderedDict");
    out_ += ")R";
  }
  /// As torch._utils._rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict()).
  void tensor(const Tensor& t, std::string_view key) {
    global("torch._utils", "_rebuild_tensor_v2");
    out_ += "((";
    text("storage");
    global("torch", storage_class(t.dtype()));
    text(key);
    text("cpu");
    integer(t.numel());
    out_ += "tQ";
    integer(0);
    tuple(t.shape());
    tuple(dense_strides(t.shape(), Layout::row_major));
    op('\x89');
    ordered_dict();
    out_ += "tR";
  }
  const std::string& finish() {
    op('.');
    return out_;
  }

 private:
  std::string out_;
};

// Well-formed as in Unicode's table 3-7.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    if (first < 0x80) continue;
    if (first < 0xc2 || first > 0xf4) return false;
    const int more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    int low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    int high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    for (int k = 0; k < more; ++k, low = 0x80, high = 0xbf) {
      if (i == text.size()) return false;
      const auto next = static_cast<unsigned char>(text[i++]);
      if (next < low || next > high) return false;
    }
  }
  return true;
}

void check_tensors(const fs::path& path, const StateDict& tensors) {
  check(tensors.size() <= kMaxTensors, kSave, path, ": ", tensors.size(), " tensors; up to ", kMaxTensors,
        " fit into such a file, write safetensors instead");
  std::uint64_t total = 0;
  for (const auto& [name, t] : tensors) {
    check(t.defined(), kSave, path, ": tensor '", name, "' is undefined");
    check(is_utf8(name), kSave, path, ": the name '", name, "' is not valid UTF-8");
    const auto numel = static_cast<std::uint64_t>(t.numel());
    constexpr std::uint64_t kAround = 1024;  // at least what the file needs to describe a tensor
    total += kAround + name.size() + std::min(numel, kMaxBytes) * size_of(t.dtype());
    check(total <= kMaxBytes, kSave, path, ": with tensor '", name, "', ", t.dtype(), t.shape(), ", there are more ",
          "than 4 GB, which such a file can't hold; write safetensors instead");
  }
}

}  // namespace

void save_pytorch(const fs::path& path, const StateDict& tensors) {
  check_tensors(path, tensors);
  Pickler pickler;
  pickler.ordered_dict();
  pickler.op('(');
  std::size_t key = 0;
  for (const auto& [name, t] : tensors) {
    pickler.text(name);
    pickler.tensor(t, std::to_string(key++));
  }
  pickler.op('u');

  AtomicFile file(path);
  ZipWriter zip(file);
  zip.add("archive/data.pkl", pickler.finish());
  zip.add("archive/byteorder", "little");
  key = 0;
  for (const auto& [name, given] : tensors) {
    const Tensor t = given.to(Device::cpu).row_major();
    dispatch(t.dtype(), [&]<class T>(TypeTag<T>) {
      zip.add(cat("archive/data/", key++),
              {reinterpret_cast<const char*>(t.data<T>()), static_cast<std::size_t>(t.numel()) * sizeof(T)});
    });
  }
  zip.add("archive/version", "3\n");
  zip.finish();
  file.commit();
}

}  // namespace duel
