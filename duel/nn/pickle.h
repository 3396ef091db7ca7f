// Reading Python's pickles as plain data: what a pickle would have Python call is noted down, never done. (The opcodes
// are documented in Python's own Lib/pickletools.py.)
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace duel::pickle {

/// A value's place in `Pickle::values`. Values refer to each other by these, in cycles too.
using Index = std::uint32_t;

struct None {};
/// An integer beyond 64 bits: two's complement, little-endian.
struct LongInteger {
  std::string bytes;
};
struct Text {
  std::string utf8;
};
struct Bytes {
  std::string bytes;
};
/// A tuple, list or set.
struct Sequence {
  enum class Kind : std::uint8_t { tuple, list, set } kind;
  std::vector<Index> items;
};
/// A dict or OrderedDict, in its order; a key that was set twice is there twice.
struct Dict {
  std::vector<std::pair<Index, Index>> items;
};
/// A function or class by its name, "module.name".
struct Global {
  std::string name;
};
/// What Python would make by calling a function.
struct Call {
  Index function;                ///< a Global
  Index arguments;               ///< a tuple
  std::optional<Index> state{};  ///< what the object made would be given then, by its __setstate__
};
/// Something that lies outside of the pickle.
struct Persistent {
  Index id;
};

using Value =
    std::variant<None, bool, std::int64_t, double, LongInteger, Text, Bytes, Sequence, Dict, Global, Call, Persistent>;

struct Pickle {
  std::vector<Value> values;
  Index root = 0;
};

/// What a reader asks for and how its errors begin.
struct Context {
  const char* operation;
  std::string where;                     ///< the file
  bool (*is_allowed)(std::string_view);  ///< which globals there may be, besides those of dicts, sets and bytes
  const char* advice;                    ///< what is read, and what to do with a file that has other globals
};

constexpr std::uint64_t kMaxValues = std::uint64_t{1} << 22;

/// Reads the one pickle that begins at the stream's place, of at most `limit` bytes, and leaves the stream behind it.
/// Protocols 1 to 5, as far as data needs them. Memory is at most some 100 times the bytes read, and there are at most
/// `kMaxValues` values. Throws `Error` with the place of whatever is wrong, and for every global that is not allowed,
/// with its name.
Pickle read_pickle(std::istream& stream, std::uint64_t limit, const Context& context);

}  // namespace duel::pickle
