#include "duel/gan/media/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <string>
#include <system_error>

namespace duel {
namespace {

constexpr char kRead[] = "read_npy";

static_assert(std::endian::native == std::endian::little, "elements are taken as they lie");

// What stands before the elements: a literal such as
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
struct Header {
  std::string type;
  bool is_fortran = false;
  Shape shape;
};

class HeaderReader {
 public:
  HeaderReader(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  Header read() {
    Header header;
    expect("{");
    for (int fields = 0; !take("}"); ++fields) {
      if (fields > 0) expect(",");
      if (take("}")) break;
      const std::string_view key = quoted();
      expect(":");
      if (key == "descr")
        header.type = quoted();
      else if (key == "fortran_order")
        header.is_fortran = truth();
      else if (key == "shape")
        header.shape = sizes();
      else
        refuse();
    }
    skip_space();
    if (!text_.empty() || header.type.empty()) refuse();
    return header;
  }

 private:
  [[noreturn]] void refuse() const {
    fail(kRead, name_, ": the header does not say {'descr': type, 'fortran_order': order, 'shape': sizes}; arrays of ",
         "records are not read");
  }
  void skip_space() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }
  bool take(std::string_view word) {
    skip_space();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  void expect(std::string_view word) {
    if (!take(word)) refuse();
  }
  std::string_view quoted() {
    expect("'");
    const std::size_t end = text_.find('\'');
    if (end == text_.npos) refuse();
    const std::string_view inside = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return inside;
  }
  bool truth() {
    if (take("True")) return true;
    expect("False");
    return false;
  }
  Shape sizes() {
    Shape shape;
    expect("(");
    while (!take(")")) {
      if (shape.dim() > 0) expect(",");
      if (take(")")) break;
      check(shape.dim() < kMaxDims, kRead, name_, " has more than ", kMaxDims, " dimensions");
      shape.push_back(size());
    }
    return shape;
  }
  std::int64_t size() {
    skip_space();
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) refuse();
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return value;
  }

  std::string_view text_, name_;
};

template <class From, class To>
void convert(std::string_view from, const Tensor& to) {
  To* out = to.mutable_data<To>();
  for (std::size_t at = 0; at < from.size(); at += sizeof(From)) {
    From value;
    std::memcpy(&value, from.data() + at, sizeof value);
    *out++ = static_cast<To>(value);
  }
}

// Elements in the file, and what becomes of them.
struct ElementType {
  std::string_view code;
  std::int64_t bytes;
  DType dtype;
  void (*convert)(std::string_view, const Tensor&);
};
using I64 = std::int64_t;
constexpr ElementType kTypes[] = {{"|u1", 1, DType::uint8, convert<std::uint8_t, std::uint8_t>},
                                  {"|i1", 1, DType::int64, convert<std::int8_t, I64>},
                                  {"<i2", 2, DType::int64, convert<std::int16_t, I64>},
                                  {"<u2", 2, DType::int64, convert<std::uint16_t, I64>},
                                  {"<i4", 4, DType::int64, convert<std::int32_t, I64>},
                                  {"<u4", 4, DType::int64, convert<std::uint32_t, I64>},
                                  {"<i8", 8, DType::int64, convert<I64, I64>},
                                  {"<f4", 4, DType::float32, convert<float, float>},
                                  {"<f8", 8, DType::float64, convert<double, double>}};

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

// Takes the header off the file.
Header take_header(std::string_view& file, std::string_view name) {
  constexpr std::string_view kMagic = "\x93NUMPY";
  constexpr std::size_t kVersionEnd = 8;
  check(file.starts_with(kMagic), kRead, name, " is no .npy file");
  check(file.size() > kVersionEnd, kRead, name, " is cut short");
  const int version = file[kMagic.size()];
  check(version >= 1 && version <= 3, kRead, name, " is of version ", version, "; 1 to 3 are read");
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  file.remove_prefix(kVersionEnd);
  check(file.size() >= length_bytes, kRead, name, " is cut short");
  const std::size_t length = little_endian(file.substr(0, length_bytes));
  file.remove_prefix(length_bytes);
  check(length <= file.size(), kRead, name, " is cut short in its header");
  const Header header = HeaderReader(file.substr(0, length), name).read();
  file.remove_prefix(length);
  return header;
}

}  // namespace

Tensor read_npy(std::string_view file, std::string_view name) {
  const Header header = take_header(file, name);
  const auto type =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const ElementType& t) { return t.code == header.type; });
  check(type != std::end(kTypes), kRead, name, " has elements of type '", header.type,
        "'; uint8, integers and floats of 32 or 64 bits, little-endian, are read");
  std::int64_t bytes = type->bytes, span = type->bytes;  // span counts sizes of 0 as 1
  for (const std::int64_t size : header.shape) {
    check(!__builtin_mul_overflow(span, std::max<std::int64_t>(size, 1), &span), kRead, name, " has sizes ",
          header.shape, " beyond 63 bits");
    bytes *= size;
  }
  check(bytes == static_cast<std::int64_t>(file.size()), kRead, name, " should hold ", header.shape, " elements of ",
        type->bytes, " bytes but has ", file.size(), " bytes of them",
        bytes > static_cast<std::int64_t>(file.size()) ? "; it is cut short" : "");
  Shape reversed, order;
  for (int i = header.shape.dim(); i-- > 0;) {
    reversed.push_back(header.shape[i]);
    order.push_back(i);
  }
  const Tensor elements = Tensor::empty(header.is_fortran ? reversed : header.shape, {.dtype = type->dtype});
  type->convert(file, elements);
  return header.is_fortran ? elements.permute(order).row_major() : elements;
}

}  // namespace duel
