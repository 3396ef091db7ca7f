#include "duel/nn/pickle.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <istream>
#include <unordered_map>

#include "duel/tensor/error.h"

namespace duel::pickle {
namespace {

constexpr std::size_t kMaxLine = 1000;  // bytes; of a global's name or a number in digits

enum class Op : std::uint8_t {
  mark = '(',
  stop = '.',
  pop = '0',
  pop_mark = '1',
  dup = '2',
  integer_line = 'I',
  binint = 'J',
  binint1 = 'K',
  long_line = 'L',
  binint2 = 'M',
  none = 'N',
  binpersid = 'Q',
  reduce = 'R',
  binstring = 'T',
  short_binstring = 'U',
  binunicode = 'X',
  append = 'a',
  build = 'b',
  global = 'c',
  dict = 'd',
  empty_dict = '}',
  appends = 'e',
  binget = 'h',
  long_binget = 'j',
  list = 'l',
  empty_list = ']',
  binput = 'q',
  long_binput = 'r',
  setitem = 's',
  tuple = 't',
  empty_tuple = ')',
  setitems = 'u',
  binfloat = 'G',
  binbytes = 'B',
  short_binbytes = 'C',
  proto = 0x80,
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  newtrue = 0x88,
  newfalse = 0x89,
  long1 = 0x8a,
  long4 = 0x8b,
  short_binunicode = 0x8c,
  binunicode8 = 0x8d,
  binbytes8 = 0x8e,
  empty_set = 0x8f,
  additems = 0x90,
  frozenset = 0x91,
  stack_global = 0x93,
  memoize = 0x94,
  frame = 0x95,
  bytearray8 = 0x96,
};

// Globals whose calls make plain data, in the spellings of Python 2 and 3.
enum class Maker { ordered_dict, set, bytes, encode, other };
Maker maker_of(std::string_view name) {
  if (name == "collections.OrderedDict") return Maker::ordered_dict;
  for (const char* module : {"builtins.", "__builtin__."}) {
    if (!name.starts_with(module)) continue;
    const std::string_view rest = name.substr(std::strlen(module));
    if (rest == "set" || rest == "frozenset") return Maker::set;
    if (rest == "bytes") return Maker::bytes;
  }
  return name == "_codecs.encode" ? Maker::encode : Maker::other;
}

class Unpickler {
 public:
  Unpickler(std::istream& stream, std::uint64_t limit, const Context& context)
      : stream_(stream), limit_(limit), context_(context) {}

  Pickle read() {
    for (;;) {
      place_ = position_;
      const auto op = static_cast<Op>(number<std::uint8_t>());
      if (op == Op::stop) break;
      if (!scalar(op) && !container(op) && !memo(op)) object(op);
    }
    pickle_.root = pop();
    return std::move(pickle_);
  }

 private:
  template <class... Args>
  void expect(bool ok, const Args&... message) const {
    check(ok, context_.operation, context_.where, ": pickle, byte ", place_, ": ", message...);
  }

  // Input.

  std::string take(std::uint64_t bytes) {
    expect(bytes <= limit_ - position_, bytes, " bytes needed where ", limit_ - position_,
           " are left; the file is cut short or altered");
    std::string taken(bytes, '\0');
    stream_.read(taken.data(), static_cast<std::streamsize>(bytes));
    expect(static_cast<std::uint64_t>(stream_.gcount()) == bytes, "the file can't be read");
    position_ += bytes;
    return taken;
  }
  template <class T>
  T number() {
    static_assert(std::endian::native == std::endian::little);
    const std::string bytes = take(sizeof(T));
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string line() {
    std::string text;
    for (char c = number<char>(); c != '\n'; c = number<char>()) {
      expect(text.size() < kMaxLine, "a line of more than ", kMaxLine, " bytes");
      text += c;
    }
    return text;
  }

  // The stack, and the marks in it.

  Index push(Value value) {
    expect(pickle_.values.size() < kMaxValues, "more than ", kMaxValues, " values");
    pickle_.values.push_back(std::move(value));
    stack_.push_back(static_cast<Index>(pickle_.values.size() - 1));
    return stack_.back();
  }
  // Nothing below the last mark is there for an operation that doesn't look for the mark.
  std::size_t above_mark() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }
  Index top() const {
    expect(above_mark() > 0, "a value is missing");
    return stack_.back();
  }
  Index pop() {
    const Index value = top();
    stack_.pop_back();
    return value;
  }
  std::vector<Index> pop_many(std::size_t count) {
    expect(above_mark() >= count, "values are missing");
    std::vector<Index> values(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return values;
  }
  std::vector<Index> pop_to_mark() {
    expect(!marks_.empty(), "a mark is missing");
    std::vector<Index> values = pop_many(above_mark());
    marks_.pop_back();
    return values;
  }
  template <class T>
  T& as(Index value, const char* what) {
    T* found = std::get_if<T>(&pickle_.values[value]);
    expect(found != nullptr, what, " is needed here");
    return *found;
  }

  // Numbers, texts, bytes.

  bool scalar(Op op) {
    switch (op) {
      case Op::none: push(None{}); return true;
      case Op::newtrue: push(true); return true;
      case Op::newfalse: push(false); return true;
      case Op::binint: push(std::int64_t{number<std::int32_t>()}); return true;
      case Op::binint1: push(std::int64_t{number<std::uint8_t>()}); return true;
      case Op::binint2: push(std::int64_t{number<std::uint16_t>()}); return true;
      case Op::long1: push_long(take(number<std::uint8_t>())); return true;
      case Op::long4: push_long(take(number<std::uint32_t>())); return true;
      case Op::integer_line:
      case Op::long_line: push_digits(line()); return true;
      case Op::binfloat: push(std::bit_cast<double>(__builtin_bswap64(number<std::uint64_t>()))); return true;
      case Op::short_binstring:
      case Op::short_binunicode: push(Text{take(number<std::uint8_t>())}); return true;
      case Op::binstring:
      case Op::binunicode: push(Text{take(number<std::uint32_t>())}); return true;
      case Op::binunicode8: push(Text{take(number<std::uint64_t>())}); return true;
      case Op::short_binbytes: push(Bytes{take(number<std::uint8_t>())}); return true;
      case Op::binbytes: push(Bytes{take(number<std::uint32_t>())}); return true;
      case Op::binbytes8:
      case Op::bytearray8: push(Bytes{take(number<std::uint64_t>())}); return true;
      default: return false;
    }
  }
  void push_long(const std::string& bytes) {
    if (bytes.size() > sizeof(std::int64_t)) {
      push(LongInteger{bytes});
      return;
    }
    const bool negative = !bytes.empty() && static_cast<signed char>(bytes.back()) < 0;
    std::int64_t value = negative ? -1 : 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    push(value);
  }
  void push_digits(std::string_view digits) {
    if (digits == "00" || digits == "01") {  // how protocol 1 writes truth values
      push(digits == "01");
      return;
    }
    if (digits.ends_with('L')) digits.remove_suffix(1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    expect(error == std::errc() && end == digits.data() + digits.size(), "'", digits, "' is no integer of 64 bits");
    push(value);
  }

  // Tuples, lists, dicts, sets.

  bool container(Op op) {
    using Kind = Sequence::Kind;
    switch (op) {
      case Op::mark: marks_.push_back(stack_.size()); return true;
      case Op::empty_tuple: push(Sequence{Kind::tuple, {}}); return true;
      case Op::tuple1: push(Sequence{Kind::tuple, pop_many(1)}); return true;
      case Op::tuple2: push(Sequence{Kind::tuple, pop_many(2)}); return true;
      case Op::tuple3: push(Sequence{Kind::tuple, pop_many(3)}); return true;
      case Op::tuple: push(Sequence{Kind::tuple, pop_to_mark()}); return true;
      case Op::empty_list: push(Sequence{Kind::list, {}}); return true;
      case Op::list: push(Sequence{Kind::list, pop_to_mark()}); return true;
      case Op::empty_set: push(Sequence{Kind::set, {}}); return true;
      case Op::frozenset: push(Sequence{Kind::set, pop_to_mark()}); return true;
      case Op::append: extend(Kind::list, pop_many(1)); return true;
      case Op::appends: extend(Kind::list, pop_to_mark()); return true;
      case Op::additems: extend(Kind::set, pop_to_mark()); return true;
      case Op::empty_dict: push(Dict{}); return true;
      case Op::dict: {
        const std::vector<Index> items = pop_to_mark();
        push(Dict{});
        set_items(items);
        return true;
      }
      case Op::setitem: set_items(pop_many(2)); return true;
      case Op::setitems: set_items(pop_to_mark()); return true;
      default: return false;
    }
  }
  void extend(Sequence::Kind kind, const std::vector<Index>& items) {
    count_items(items.size());
    auto& sequence = as<Sequence>(top(), "a list or set");
    expect(sequence.kind == kind, "a list or set of the other kind is needed here");
    sequence.items.insert(sequence.items.end(), items.begin(), items.end());
  }
  void set_items(const std::vector<Index>& items) {
    count_items(items.size());
    auto& dict = as<Dict>(top(), "a dictionary");
    expect(items.size() % 2 == 0, "a key without a value");
    for (std::size_t i = 0; i < items.size(); i += 2) dict.items.emplace_back(items[i], items[i + 1]);
  }

  // A few bytes of the file can add a long list that was made before to another, again and again.
  void count_items(std::size_t added) {
    items_ += added;
    expect(items_ <= kMaxValues, "more than ", kMaxValues, " items in lists, sets and dictionaries");
  }

  // The memo, and what else only moves values about.

  bool memo(Op op) {
    switch (op) {
      case Op::binput: remember(number<std::uint8_t>()); return true;
      case Op::long_binput: remember(number<std::uint32_t>()); return true;
      case Op::memoize: remember(memo_.size()); return true;
      case Op::binget: recall(number<std::uint8_t>()); return true;
      case Op::long_binget: recall(number<std::uint32_t>()); return true;
      case Op::pop:
        if (above_mark() == 0 && !marks_.empty())
          marks_.pop_back();
        else
          pop();
        return true;
      case Op::pop_mark: pop_to_mark(); return true;
      case Op::dup: stack_.push_back(top()); return true;
      case Op::proto: {
        const int protocol = number<std::uint8_t>();
        expect(protocol <= 5, "protocol ", protocol, " of pickles; up to 5 are read");
        return true;
      }
      case Op::frame: number<std::uint64_t>(); return true;
      default: return false;
    }
  }
  void remember(std::uint64_t key) {
    expect(memo_.size() < kMaxValues, "more than ", kMaxValues, " values in the memo");
    memo_[key] = top();
  }
  void recall(std::uint64_t key) {
    const auto found = memo_.find(key);
    expect(found != memo_.end(), "nothing was stored as ", key, " in the memo");
    stack_.push_back(found->second);
  }

  // What Python would look up and call.

  void object(Op op) {
    switch (op) {
      case Op::global: {
        const std::string module = line();
        push_global(module + "." + line());
        return;
      }
      case Op::stack_global: {
        const std::vector<Index> names = pop_many(2);
        push_global(as<Text>(names[0], "a name").utf8 + "." + as<Text>(names[1], "a name").utf8);
        return;
      }
      case Op::binpersid: push(Persistent{pop()}); return;
      case Op::reduce: reduce(); return;
      case Op::build: build(pop()); return;
      default:
        expect(false, "opcode ", static_cast<int>(op), ", which makes objects or is none; only plain data is read");
    }
  }
  void build(Index state) {
    if (auto* call = std::get_if<Call>(&pickle_.values[top()])) {
      expect(!call->state, "an object is given its state twice");
      call->state = state;
    } else {  // attributes of a dictionary, such as a state_dict's _metadata, say nothing of its items
      as<Dict>(top(), "a dictionary");
    }
  }
  void push_global(std::string name) {
    expect(maker_of(name) != Maker::other || context_.is_allowed(name), "the file would have Python use '", name, "'; ",
           context_.advice);
    push(Global{std::move(name)});
  }
  void reduce() {
    const Index arguments = pop(), function = pop();
    const std::size_t count = as<Sequence>(arguments, "a tuple of arguments").items.size();
    const Maker maker = maker_of(as<Global>(function, "a global").name);
    if (maker == Maker::other) {
      push(Call{function, arguments});
      return;
    }
    const bool encode = maker == Maker::encode;
    expect(encode ? count == 2 : count <= 1, "a wrong number of arguments");
    const std::vector<Index> given = items_of(arguments);
    if (maker == Maker::set) {
      push(Sequence{Sequence::Kind::set, {}});
      if (!given.empty()) extend(Sequence::Kind::set, items_of(given[0]));
    } else if (maker == Maker::ordered_dict) {
      push(Dict{});
      if (given.empty()) return;
      for (const Index item : items_of(given[0])) set_items(items_of(item));
    } else {
      expect(encode || given.empty(), "bytes() of something");
      push(Bytes{encode ? latin1(as<Text>(given[0], "a text").utf8, as<Text>(given[1], "a text").utf8) : ""});
    }
  }
  std::vector<Index> items_of(Index value) {
    const std::vector<Index>& items = as<Sequence>(value, "a list").items;
    count_items(items.size());
    return items;
  }
  // Bytes, written by protocol 2 as the characters of those numbers.
  std::string latin1(std::string_view utf8, std::string_view encoding) const {
    expect(encoding == "latin1", "bytes in the encoding '", encoding, "'");
    std::string bytes;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
      const auto first = static_cast<unsigned char>(utf8[i]);
      const bool two = first == 0xc2 || first == 0xc3;
      expect(first < 0x80 || (two && i + 1 < utf8.size()), "bytes that are not characters up to 255");
      bytes += static_cast<char>(two ? (first & 3) << 6 | (utf8[++i] & 0x3f) : first);
    }
    return bytes;
  }

  std::istream& stream_;
  const std::uint64_t limit_;
  const Context& context_;
  std::uint64_t position_ = 0, place_ = 0;  // place_: of the operation that is being done
  Pickle pickle_;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::unordered_map<std::uint64_t, Index> memo_;
  std::uint64_t items_ = 0;
};

}  // namespace

Pickle read_pickle(std::istream& stream, std::uint64_t limit, const Context& context) {
  return Unpickler(stream, limit, context).read();
}

}  // namespace duel::pickle
