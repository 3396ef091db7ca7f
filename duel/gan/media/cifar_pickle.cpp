#include "duel/gan/media/cifar_pickle.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "duel/nn/pickle.h"
#include "duel/tensor/error.h"

namespace duel {
namespace {

using pickle::Index;

constexpr char kLoad[] = "load_cifar";
constexpr char kAdvice[] = "only numpy's arrays, dictionaries, lists, numbers and texts are read";

// By the module's name before numpy 2 and since. The second makes arrays of protocol 5.
constexpr std::string_view kReconstruct[] = {"numpy.core.multiarray._reconstruct",
                                             "numpy._core.multiarray._reconstruct"};
constexpr std::string_view kFromBuffer[] = {"numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"};
constexpr std::string_view kArray = "numpy.ndarray", kDtype = "numpy.dtype";

bool is_one_of(std::string_view name, const std::string_view (&names)[2]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool is_allowed(std::string_view global) {
  return global == kArray || global == kDtype || is_one_of(global, kReconstruct) || is_one_of(global, kFromBuffer);
}

class BatchReader {
 public:
  BatchReader(const std::string& file, const std::string& where) : where_(where) {
    std::istringstream stream(file);
    pickle_ = pickle::read_pickle(stream, file.size(), {kLoad, where, is_allowed, kAdvice});
  }

  Index item(std::string_view key) const {
    for (const auto& [name, value] : as<pickle::Dict>(pickle_.root, "the whole is no dictionary").items)
      if (text(name) == key) return value;
    fail(kLoad, where_, " has no '", key, "'");
  }

  // Python 2 has one type for bytes and text.
  std::string_view text(Index value) const {
    if (const auto* found = std::get_if<pickle::Text>(&pickle_.values[value])) return found->utf8;
    return as<pickle::Bytes>(value, "something is no text").bytes;
  }
  const std::vector<Index>& list(Index value, const char* what) const {
    return as<pickle::Sequence>(value, what).items;
  }
  std::int64_t integer(Index value, const char* what) const { return as<std::int64_t>(value, what); }

  // The bytes of a uint8 array [N, columns]. numpy makes it as _reconstruct(ndarray, (0,), b'b') with the state
  // (version, shape, dtype, is_fortran, bytes) or as _frombuffer(bytes, dtype, shape, order).
  std::string_view pixels(Index array, std::int64_t columns) const {
    const auto& call = as<pickle::Call>(array, "'data' is no array");
    const std::string& function = as<pickle::Global>(call.function, "'data' is no array").name;
    const bool from_buffer = is_one_of(function, kFromBuffer);
    check(from_buffer || (is_one_of(function, kReconstruct) && call.state), kLoad, where_, ": 'data' is no array");
    const std::vector<Index>& parts = list(from_buffer ? call.arguments : *call.state, "'data' is no array");
    check(parts.size() == (from_buffer ? 4 : 5), kLoad, where_, ": 'data' is an array of another version of numpy");
    if (from_buffer) {
      check(text(parts[3]) == "C", kLoad, where_, ": 'data' lies column by column");
    } else {
      check(!as<bool>(parts[3], "'data' is no array"), kLoad, where_, ": 'data' lies column by column");
    }
    check_dtype(parts[from_buffer ? 1 : 2]);
    const std::string_view bytes = text(parts[from_buffer ? 0 : 4]);
    const std::vector<Index>& shape = list(parts[from_buffer ? 2 : 1], "'data' has no shape");
    check(shape.size() == 2 && integer(shape[1], "'data' has no shape") == columns, kLoad, where_,
          ": 'data' should be [N, ", columns, "]");
    const std::int64_t rows = integer(shape[0], "'data' has no shape");
    const auto most = static_cast<std::int64_t>(bytes.size());
    check(rows > 0 && rows <= most && rows * columns == most, kLoad, where_, ": 'data' should be [", rows, ", ",
          columns, "] but has ", bytes.size(), " bytes");
    return bytes;
  }

 private:
  template <class T>
  const T& as(Index value, const char* otherwise) const {
    const T* found = std::get_if<T>(&pickle_.values[value]);
    check(found != nullptr, kLoad, where_, ": ", otherwise);
    return *found;
  }
  void check_dtype(Index dtype) const {
    const auto& call = as<pickle::Call>(dtype, "'data' has no element type");
    const std::vector<Index>& given = list(call.arguments, "'data' has no element type");
    const bool named = as<pickle::Global>(call.function, "'data' has no element type").name == kDtype && !given.empty();
    check(named && text(given[0]) == "u1", kLoad, where_, ": 'data' is not of uint8");
  }

  const std::string& where_;
  pickle::Pickle pickle_;
};

}  // namespace

CifarBatch read_cifar_batch(const std::string& file, const std::string& where, std::string_view key,
                            std::int64_t columns) {
  const BatchReader reader(file, where);
  CifarBatch batch{std::string(reader.pixels(reader.item("data"), columns)), {}};
  for (const Index label : reader.list(reader.item(key), "the labels are no list"))
    batch.labels.push_back(reader.integer(label, "a label is no integer"));
  return batch;
}

std::vector<std::string> read_cifar_names(const std::string& file, const std::string& where, std::string_view key) {
  const BatchReader reader(file, where);
  std::vector<std::string> names;
  for (const Index name : reader.list(reader.item(key), "the names are no list")) names.emplace_back(reader.text(name));
  return names;
}

}  // namespace duel
