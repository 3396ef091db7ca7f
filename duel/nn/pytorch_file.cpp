#include "duel/nn/pytorch_file.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "duel/nn/atomic_file.h"
#include "duel/nn/pytorch_archive.h"
#include "duel/tensor/error.h"

namespace duel {
namespace {

namespace fs = std::filesystem;
using pickle::Index;

constexpr char kLoad[] = "load_pytorch";
constexpr char kAdvice[] =
    "only tensors, dictionaries, lists, numbers and texts are read. Load it in Python and save its state_dict()";
constexpr int kMaxDepth = 64;

// Element types of PyTorch, and what their elements become here.
struct ElementType {
  enum class Kind : std::uint8_t { same, half, bfloat, integer, boolean } kind;
  std::string_view storage, name;
  std::uint64_t bytes;
  DType dtype;
};
constexpr ElementType kElementTypes[] = {
    {ElementType::Kind::same, "torch.FloatStorage", "torch.float32", 4, DType::float32},
    {ElementType::Kind::same, "torch.DoubleStorage", "torch.float64", 8, DType::float64},
    {ElementType::Kind::same, "torch.LongStorage", "torch.int64", 8, DType::int64},
    {ElementType::Kind::same, "torch.ByteStorage", "torch.uint8", 1, DType::uint8},
    {ElementType::Kind::half, "torch.HalfStorage", "torch.float16", 2, DType::float32},
    {ElementType::Kind::bfloat, "torch.BFloat16Storage", "torch.bfloat16", 2, DType::float32},
    {ElementType::Kind::integer, "torch.CharStorage", "torch.int8", 1, DType::int64},
    {ElementType::Kind::integer, "torch.ShortStorage", "torch.int16", 2, DType::int64},
    {ElementType::Kind::integer, "torch.IntStorage", "torch.int32", 4, DType::int64},
    {ElementType::Kind::boolean, "torch.BoolStorage", "torch.bool", 1, DType::uint8},
};

// A storage of bytes, to which each tensor brings its element type.
constexpr std::string_view kUntypedStorage = "torch.storage.UntypedStorage";
constexpr std::string_view kTensor = "torch._utils._rebuild_tensor", kTensor2 = "torch._utils._rebuild_tensor_v2",
                           kTensor3 = "torch._utils._rebuild_tensor_v3", kSize = "torch.Size",
                           kParameter = "torch._utils._rebuild_parameter";

const ElementType* element_type(std::string_view ElementType::*name, std::string_view wanted) {
  for (const ElementType& type : kElementTypes)
    if (type.*name == wanted) return &type;
  return nullptr;
}

bool is_allowed(std::string_view global) {
  for (const std::string_view name : {kUntypedStorage, kTensor, kTensor2, kTensor3, kSize, kParameter})
    if (global == name) return true;
  return element_type(&ElementType::storage, global) || element_type(&ElementType::name, global);
}

// IEEE 754's binary16: 1 sign, 5 exponent and 10 fraction bits.
float from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  float magnitude =
      std::ldexp(static_cast<float>(exponent == 0 ? fraction : fraction + 1024), std::max(exponent, 1) - 25);
  if (exponent == 31) magnitude = fraction == 0 ? INFINITY : NAN;
  return bits >> 15 ? -magnitude : magnitude;
}

template <class From, class To, class F>
void convert(std::span<const std::byte> raw, std::byte* to, F f) {
  for (std::size_t i = 0; i < raw.size() / sizeof(From); ++i) {
    From value;
    std::memcpy(&value, raw.data() + i * sizeof value, sizeof value);
    reinterpret_cast<To*>(to)[i] = f(value);
  }
}

void convert(const ElementType& type, std::span<const std::byte> raw, std::byte* to) {
  const auto widen = [](std::int64_t value) { return value; };
  switch (type.kind) {
    case ElementType::Kind::same: std::memcpy(to, raw.data(), raw.size()); return;
    case ElementType::Kind::half: convert<std::uint16_t, float>(raw, to, from_half); return;
    case ElementType::Kind::bfloat:
      convert<std::uint16_t, float>(raw, to, [](std::uint32_t bits) { return std::bit_cast<float>(bits << 16); });
      return;
    case ElementType::Kind::boolean:
      convert<std::uint8_t, std::uint8_t>(raw, to, [](std::uint8_t value) { return value != 0; });
      return;
    case ElementType::Kind::integer:
      if (type.bytes == 1) convert<std::int8_t, std::int64_t>(raw, to, widen);
      if (type.bytes == 2) convert<std::int16_t, std::int64_t>(raw, to, widen);
      if (type.bytes == 4) convert<std::int32_t, std::int64_t>(raw, to, widen);
      return;
  }
}

double nearest_double(const pickle::LongInteger& integer) {
  double value = 0;
  for (std::size_t i = integer.bytes.size(); i-- > 0;) {
    const bool is_highest = i + 1 == integer.bytes.size();
    value = value * 256 + (is_highest ? static_cast<signed char>(integer.bytes[i])
                                      : static_cast<double>(static_cast<unsigned char>(integer.bytes[i])));
  }
  return value;
}

// What a pickle says of PyTorch's objects, made into tensors.
class Loader {
 public:
  explicit Loader(const fs::path& path)
      : path_(path),
        file_bytes_(regular_file_size(kLoad, path)),
        archive_(open_pytorch_archive(kLoad, path)),
        pickle_(archive_->read_pickle({kLoad, cat(path), is_allowed, kAdvice})) {}

  PytorchFile load() {
    std::map<std::string, PytorchStorage> storages;
    for (const pickle::Value& value : pickle_.values) {
      const auto* call = std::get_if<pickle::Call>(&value);
      expect(!call || !call->state, "an object with attributes of its own; ", kAdvice);
      const auto* persistent = std::get_if<pickle::Persistent>(&value);
      if (!persistent) continue;
      const StorageId id = storage_id(persistent->id);
      const auto [found, is_new] = storages.emplace(id.key, id.storage);
      expect(is_new || (found->second.elements == id.storage.elements &&
                        found->second.element_bytes == id.storage.element_bytes),
             "storage '", id.key, "' is described in two ways");
    }
    archive_->find(storages);
    walk(pickle_.root, "", 0);
    return std::move(file_);
  }

 private:
  struct StorageId {
    std::string key;
    PytorchStorage storage;
    const ElementType* type;  // null for an untyped one
  };
  struct LoadedStorage {
    std::shared_ptr<Storage> storage;
    const ElementType* type;
  };

  template <class... Args>
  void expect(bool ok, const Args&... message) const {
    check(ok, kLoad, path_, ": ", message...);
  }
  template <class T>
  const T* get(Index value) const {
    return std::get_if<T>(&pickle_.values[value]);
  }
  template <class T>
  const T& as(Index value, const char* what, const std::string& of) const {
    const T* found = get<T>(value);
    expect(found != nullptr, what, " is needed in what '", of, "' is made from");
    return *found;
  }

  // What f says, with the file and the name in front of its errors.
  template <class F>
  auto naming(const std::string& name, F&& f) const {
    try {
      return f();
    } catch (const Error& e) {
      fail(kLoad, path_, ": '", name, "': ", e.what());
    }
  }

  // Dictionaries, lists and values.

  void walk(Index at, const std::string& name, int depth) {
    expect(depth <= kMaxDepth, "dictionaries and lists more than ", kMaxDepth, " deep, the first at '",
           name.substr(0, 100), "'");
    // What is referred to from many places appears under many names.
    names_ += name.size() + 1;
    expect(names_ <= (1 << 20) + 256 * pickle_.values.size(), "too many or too long names for what the file holds, ",
           "such as '", name.substr(0, 100), "'");
    const auto child = [&](const std::string& key) { return depth == 0 ? key : name + "." + key; };
    if (const auto* dict = get<pickle::Dict>(at)) {
      for (const auto& [key, value] : dict->items) walk(value, child(key_text(key, name)), depth + 1);
    } else if (const auto* sequence = get<pickle::Sequence>(at)) {
      for (std::size_t i = 0; i < sequence->items.size(); ++i)
        walk(sequence->items[i], child(std::to_string(i)), depth + 1);
    } else if (const auto* call = get<pickle::Call>(at)) {
      make(*call, name, depth);
    } else if (const auto value = plain(at)) {
      if (const auto* text = std::get_if<std::string>(&*value)) texts_ += text->size();
      expect(texts_ <= (1 << 20) + 4 * file_bytes_, "many times more text than the file's size, up to '", name, "'");
      expect(file_.values.emplace(name, *value).second, "'", name, "' is there twice");
    } else {
      expect(!get<pickle::Persistent>(at), "'", name, "' is a storage; only tensors on storages are read");
    }
  }

  std::string key_text(Index key, const std::string& name) const {
    if (const auto* text = get<pickle::Text>(key)) return text->utf8;
    const auto* integer = get<std::int64_t>(key);
    expect(integer != nullptr, "a key in '", name, "' is neither a text nor an integer");
    return std::to_string(*integer);
  }

  std::optional<PytorchFile::Value> plain(Index at) const {
    if (const auto* truth = get<bool>(at)) return *truth;
    if (const auto* integer = get<std::int64_t>(at)) return *integer;
    if (const auto* real = get<double>(at)) return *real;
    if (const auto* integer = get<pickle::LongInteger>(at)) return nearest_double(*integer);
    if (const auto* text = get<pickle::Text>(at)) return text->utf8;
    if (const auto* bytes = get<pickle::Bytes>(at)) return bytes->bytes;
    if (const auto* global = get<pickle::Global>(at)) return global->name;
    return std::nullopt;
  }

  // Tensors.

  void make(const pickle::Call& call, const std::string& name, int depth) {
    const std::string& function = as<pickle::Global>(call.function, "a name", name).name;
    const std::vector<Index>& given = as<pickle::Sequence>(call.arguments, "a tuple", name).items;
    if (function == kSize) {
      expect(given.size() == 1 && get<pickle::Sequence>(given[0]), "'", name, "' is a torch.Size of no tuple");
      walk(given[0], name, depth);
      return;
    }
    const pickle::Call* tensor_call = &call;
    if (function == kParameter) {
      expect(given.size() >= 1, "'", name, "' is a parameter of nothing");
      tensor_call = &as<pickle::Call>(given[0], "a tensor", name);
    }
    expect(file_.tensors.emplace(name, tensor(*tensor_call, name)).second, "'", name, "' is there twice");
  }

  // The functions of that name in torch/_utils.py: (storage, offset, size, stride, requires_grad, hooks, ...), of
  // version 3 with the element type behind.
  Tensor tensor(const pickle::Call& call, const std::string& name) {
    const std::string& function = as<pickle::Global>(call.function, "a name", name).name;
    const std::vector<Index>& given = as<pickle::Sequence>(call.arguments, "a tuple", name).items;
    const bool has_type = function == kTensor3;
    expect(has_type || function == kTensor || function == kTensor2, "'", name, "' is made by ", function,
           ", which makes no tensor");
    expect(given.size() >= (has_type ? 7 : 4), "'", name, "' lacks its storage, offset, size, stride or element type");
    const StorageId id = storage_id(as<pickle::Persistent>(given[0], "a storage", name).id);
    const ElementType* type = id.type;
    if (has_type) {
      const std::string& type_name = as<pickle::Global>(given[6], "an element type", name).name;
      type = element_type(&ElementType::name, type_name);
      expect(type && (!id.type || id.type == type), "'", name, "' has elements of ", type_name,
             ", and its storage not");
    }
    expect(type != nullptr, "'", name, "' is on an untyped storage and has no element type");
    const std::int64_t offset = as<std::int64_t>(given[1], "an offset", name);
    const Shape shape = sizes(given[2], name);
    Shape strides = sizes(given[3], name);
    const std::int64_t numel = naming(name, [&] { return shape.numel(); });
    expect(static_cast<std::uint64_t>(numel) <= file_bytes_ / type->bytes, "'", name, "', ", shape,
           ", has more elements than the file");
    const std::shared_ptr<Storage> storage = load_storage(id, *type);
    if (numel == 0) return Tensor::empty(shape, {.dtype = type->dtype});
    // A dimension of size 1 may have any stride.
    const auto elements = static_cast<std::int64_t>(storage->bytes() / size_of(type->dtype));
    expect(strides.dim() == shape.dim(), "'", name, "' has size ", shape, " but strides ", strides);
    for (int i = 0; i < shape.dim(); ++i)
      if (shape[i] == 1) strides[i] = std::min(strides[i], elements);
    return naming(name, [&] { return Tensor(storage, shape, strides, offset, type->dtype); });
  }

  // Not negative.
  Shape sizes(Index tuple, const std::string& name) const {
    Shape result;
    for (const Index item : as<pickle::Sequence>(tuple, "a tuple of sizes or strides", name).items) {
      const std::int64_t size = as<std::int64_t>(item, "a size or stride", name);
      expect(size >= 0, "'", name, "' has a size or stride of ", size);
      expect(result.dim() < kMaxDims, "'", name, "' has more than ", kMaxDims, " dimensions");
      result.push_back(size);
    }
    return result;
  }

  // ('storage', class, key, device, count of elements), and in old files None or a view's description.
  StorageId storage_id(Index tuple) const {
    const std::string what = "a storage";
    const std::vector<Index>& given = as<pickle::Sequence>(tuple, "a tuple", what).items;
    expect(given.size() == 5 || given.size() == 6, "a storage is described by ", given.size(), " things, not 5");
    expect(as<pickle::Text>(given[0], "a text", what).utf8 == "storage", "something persistent that is no storage");
    expect(given.size() == 5 || get<pickle::None>(given[5]),
           "a storage that is part of another, of a very old PyTorch; load it in Python and save it again");
    const std::string& class_name = as<pickle::Global>(given[1], "a class", what).name;
    const ElementType* type = element_type(&ElementType::storage, class_name);
    expect(type || class_name == kUntypedStorage, "a storage of the class ", class_name);
    const std::int64_t elements = as<std::int64_t>(given[4], "a count of elements", what);
    expect(elements >= 0, "a storage of ", elements, " elements");
    return {as<pickle::Text>(given[2], "a key", what).utf8,
            {static_cast<std::uint64_t>(elements), type ? type->bytes : 1},
            type};
  }

  // Each once, so that tensors on one storage stay so.
  std::shared_ptr<Storage> load_storage(const StorageId& id, const ElementType& type) {
    const auto found = storages_.find(id.key);
    if (found != storages_.end()) {
      expect(found->second.type == &type, "storage '", id.key, "' is seen as ", found->second.type->name, " and as ",
             type.name);
      return found->second.storage;
    }
    const std::uint64_t bytes = id.storage.elements * id.storage.element_bytes;
    expect(bytes % type.bytes == 0, "storage '", id.key, "' has ", bytes, " bytes, no multiple of ", type.bytes);
    const auto storage = std::make_shared<Storage>(bytes / type.bytes * size_of(type.dtype), Device::cpu);
    if (type.kind == ElementType::Kind::same) {
      archive_->read(id.key, storage->data());
    } else {
      std::vector<std::byte> raw(bytes);
      archive_->read(id.key, raw.data());
      convert(type, raw, storage->data());
    }
    storages_[id.key] = {storage, &type};
    return storage;
  }

  const fs::path& path_;
  const std::uint64_t file_bytes_;
  const std::unique_ptr<PytorchArchive> archive_;
  const pickle::Pickle pickle_;
  std::map<std::string, LoadedStorage> storages_;
  PytorchFile file_;
  std::uint64_t names_ = 0;  // characters, and one for each
  std::uint64_t texts_ = 0;  // characters of the values
};

}  // namespace

StateDict PytorchFile::tensors_under(std::string_view path) const {
  if (path.empty()) return tensors;
  const std::string prefix = cat(path, ".");
  StateDict found;
  for (auto at = tensors.lower_bound(prefix); at != tensors.end() && at->first.starts_with(prefix); ++at)
    found.emplace(at->first.substr(prefix.size()), at->second);
  return found;
}

PytorchFile load_pytorch(const fs::path& path) { return Loader(path).load(); }

}  // namespace duel
