#include "duel/nn/safetensors.h"

#include <algorithm>
#include <bit>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "duel/nn/atomic_file.h"

namespace duel {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "elements and header length go to the file as they lie");

constexpr std::uint64_t kMaxHeader = 100'000'000;  // bytes; the limit of the reference implementation
constexpr std::size_t kLengthBytes = sizeof(std::uint64_t);
constexpr char kMetadata[] = "__metadata__";
constexpr char kRead[] = "read_safetensors", kWrite[] = "write_safetensors";

constexpr std::string_view code_of(DType t) {
  switch (t) {
    case DType::float32: return "F32";
    case DType::float64: return "F64";
    case DType::int64: return "I64";
    case DType::uint8: return "U8";
    case DType::bfloat16: return "BF16";
  }
  return "?";
}

std::optional<DType> dtype_of_code(std::string_view code) {
  for (DType t : {DType::float32, DType::float64, DType::int64, DType::uint8, DType::bfloat16})
    if (code == code_of(t)) return t;
  return std::nullopt;
}

// What the header says of one tensor, as it stands there.
struct Entry {
  std::optional<std::string> dtype;
  std::optional<std::vector<std::uint64_t>> shape, offsets;
};

// Takes the header as it is parsed and refuses whatever has no place in it, so that a hostile one can't build up a tree
// many times its size. Depth 1 holds the names, depth 2 their fields.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderReader(const fs::path& path) : path_(path) {}

  std::map<std::string, Entry> entries;
  std::map<std::string, std::string> metadata;

  bool key(string_t& key) override {
    if (depth_ == 1) {
      in_metadata_ = key == kMetadata;
      const bool is_new = in_metadata_ ? !std::exchange(has_metadata_, true) : entries.emplace(key, Entry{}).second;
      check(is_new, kRead, path_, " names '", key, "' twice");
      name_ = key;
    }
    field_ = key;
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ == 2 || list_) refuse("an object");
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_metadata_ || list_) refuse("a list");
    Entry& entry = entries[name_];
    auto* list = field_ == "shape" ? &entry.shape : field_ == "data_offsets" ? &entry.offsets : nullptr;
    if (!list || *list) refuse("a list");
    list_ = &list->emplace();
    return true;
  }
  bool end_array() override {
    list_ = nullptr;
    return true;
  }
  bool number_unsigned(std::uint64_t value) override {
    if (!list_) refuse("a number");
    check(list_->size() < kMaxDims, kRead, path_, ": '", field_, "' of tensor '", name_, "' has more than ", kMaxDims,
          " numbers; at most ", kMaxDims, " dimensions are read");
    list_->push_back(value);
    return true;
  }
  bool string(string_t& value) override {
    if (depth_ != 2 || list_) refuse("text");
    if (in_metadata_) {
      check(metadata.emplace(field_, value).second, kRead, path_, " has the metadata '", field_, "' twice");
    } else {
      Entry& entry = entries[name_];
      if (field_ != "dtype" || entry.dtype) refuse("text");
      entry.dtype = value;
    }
    return true;
  }
  bool null() override { refuse("null"); }
  bool boolean(bool) override { refuse("a truth value"); }
  bool number_integer(std::int64_t) override { refuse("a negative number"); }
  bool number_float(double, const string_t&) override { refuse("a number that is not an integer in range"); }
  bool binary(Json::binary_t&) override { refuse("bytes"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail(kRead, path_, ": the header is not valid JSON at its byte ", position);
  }

 private:
  [[noreturn]] void refuse(const char* what) const {
    if (depth_ < 2) fail(kRead, path_, ": the header has ", what, " where a tensor's description belongs");
    fail(kRead, path_, ": the header has ", what, " out of place in field '", field_, "' of '", name_, "'");
  }

  const fs::path& path_;
  int depth_ = 0;
  bool in_metadata_ = false, has_metadata_ = false;
  std::string name_, field_;
  std::vector<std::uint64_t>* list_ = nullptr;
};

// A tensor in the file; offsets in bytes from the end of the header.
struct Extent {
  std::string name;
  DType dtype;
  Shape shape;
  std::uint64_t begin, end;
};

Extent check_entry(const fs::path& path, const std::string& name, const Entry& entry) {
  check(entry.dtype && entry.shape && entry.offsets, kRead, path, ": tensor '", name,
        "' lacks its dtype, shape or data_offsets");
  const std::optional<DType> dtype = dtype_of_code(*entry.dtype);
  check(dtype.has_value(), kRead, path, ": tensor '", name, "' has elements of type '", *entry.dtype,
        "'; only F32, F64, I64 and U8 are read, convert it first");
  Shape shape;
  std::int64_t bytes = size_of(*dtype), span = bytes;  // span counts sizes of 0 as 1, as strides do
  for (std::uint64_t size : *entry.shape) {
    std::int64_t signed_size = 0;
    const bool fits = !__builtin_add_overflow(size, 0, &signed_size) &&
                      !__builtin_mul_overflow(span, std::max<std::int64_t>(signed_size, 1), &span);
    check(fits, kRead, path, ": the shape of tensor '", name, "' is beyond 64 bits");
    shape.push_back(signed_size);
    bytes *= signed_size;
  }
  check(entry.offsets->size() == 2 && (*entry.offsets)[0] <= (*entry.offsets)[1], kRead, path,
        ": the data_offsets of tensor '", name, "' are not [begin, end]");
  const std::uint64_t begin = (*entry.offsets)[0], end = (*entry.offsets)[1];
  check(end - begin == static_cast<std::uint64_t>(bytes), kRead, path, ": tensor '", name, "' is ", *dtype, shape,
        " but has ", end - begin, " bytes, not ", bytes);
  return {name, *dtype, shape, begin, end};
}

// The tensors in the order of the data, which they must fill without gap or overlap.
std::vector<Extent> check_entries(const fs::path& path, const std::map<std::string, Entry>& entries,
                                  std::uint64_t data_bytes) {
  std::vector<Extent> extents;
  extents.reserve(entries.size());
  for (const auto& [name, entry] : entries) extents.push_back(check_entry(path, name, entry));
  std::stable_sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::uint64_t at = 0;
  for (const Extent& e : extents) {
    check(e.begin == at, kRead, path, ": tensor '", e.name, "' begins at byte ", e.begin, " of the data instead of ",
          at, ": a gap or an overlap");
    at = e.end;
  }
  check(at == data_bytes, kRead, path, ": the tensors need ", at, " bytes of data but the file has ", data_bytes,
        at > data_bytes ? "; it is cut short" : "");
  return extents;
}

void read_bytes(std::ifstream& file, const fs::path& path, void* to, std::uint64_t bytes) {
  file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
  check(static_cast<std::uint64_t>(file.gcount()) == bytes, kRead, path, ": ", bytes, " bytes could not be read");
}

std::string read_header(std::ifstream& file, const fs::path& path, std::uint64_t file_bytes) {
  check(file_bytes >= kLengthBytes, kRead, path, " has ", file_bytes, " bytes and so no header");
  std::uint64_t length = 0;
  read_bytes(file, path, &length, kLengthBytes);
  check(length <= file_bytes - kLengthBytes, kRead, path, ": the header should have ", length,
        " bytes but the file has only ", file_bytes, "; it is cut short or not a safetensors file");
  check(length <= kMaxHeader, kRead, path, ": a header of ", length, " bytes is over the limit of ", kMaxHeader);
  std::string header(length, '\0');
  read_bytes(file, path, header.data(), length);
  check(header.starts_with('{'), kRead, path, ": the header does not begin with '{'; this is not a safetensors file");
  return header;
}

struct Plan {
  std::string header;  // with its length in front
  std::vector<const std::pair<const std::string, Tensor>*> order;
};

Plan lay_out(const fs::path& path, const Safetensors& content) {
  Plan plan;
  for (const auto& item : content.tensors) {
    check(item.first != kMetadata, kWrite, path, ": a tensor can't be named '", kMetadata, "'");
    check(item.second.defined(), kWrite, path, ": tensor '", item.first, "' is undefined");
    plan.order.push_back(&item);
  }
  std::stable_sort(plan.order.begin(), plan.order.end(),
                   [](auto* a, auto* b) { return size_of(a->second.dtype()) > size_of(b->second.dtype()); });
  Json header = Json::object();
  if (!content.metadata.empty()) header[kMetadata] = content.metadata;
  std::uint64_t at = 0;
  for (const auto* item : plan.order) {
    const Tensor& t = item->second;
    const std::uint64_t end = at + static_cast<std::uint64_t>(t.numel()) * size_of(t.dtype());
    header[item->first] = {{"dtype", code_of(t.dtype())},
                           {"shape", std::vector<std::int64_t>(t.shape().begin(), t.shape().end())},
                           {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception&) {
    fail(kWrite, path, ": a name or the metadata is not valid UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  check(length <= kMaxHeader, kWrite, path, ": the header takes ", length, " bytes; ", kMaxHeader, " is the limit");
  plan.header.assign(reinterpret_cast<const char*>(&length), kLengthBytes);
  plan.header += text;
  return plan;
}

}  // namespace

Safetensors read_safetensors(const fs::path& path) {
  const std::uint64_t file_bytes = regular_file_size(kRead, path);
  std::ifstream file(path, std::ios::binary);
  check(file.is_open(), kRead, path, " can't be opened for reading");
  std::uint64_t header_bytes = 0;
  HeaderReader reader(path);
  {
    const std::string header = read_header(file, path, file_bytes);
    header_bytes = header.size();
    Json::sax_parse(header, &reader);
  }
  Safetensors content;
  content.metadata = std::move(reader.metadata);
  for (const Extent& e : check_entries(path, reader.entries, file_bytes - kLengthBytes - header_bytes)) {
    const Tensor t = Tensor::empty(e.shape, {.dtype = e.dtype});
    read_bytes(file, path, t.storage()->data(), e.end - e.begin);
    content.tensors.emplace(e.name, t);
  }
  return content;
}

void write_safetensors(const fs::path& path, const Safetensors& content) {
  const Plan plan = lay_out(path, content);
  AtomicFile file(path);
  file.write(plan.header);
  for (const auto* item : plan.order) {
    const Tensor t = item->second.to(Device::cpu).row_major();
    dispatch(t.dtype(),
             [&]<class T>(TypeTag<T>) { file.write(t.data<T>(), static_cast<std::size_t>(t.numel()) * sizeof(T)); });
  }
  file.commit();
}

}  // namespace duel
