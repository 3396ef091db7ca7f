#include "duel/gan/media/pnm.h"

#include <cctype>
#include <vector>

namespace duel {
namespace {

constexpr std::uint32_t kMaxValue = 65535;         // the most that the format allows
constexpr std::uint32_t kMaxNumber = 400'000'000;  // ten times this is still a number of 32 bits

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Goes through a file's numbers.
class Reader {
 public:
  explicit Reader(const EncodedPicture& file) : file_(file) {}

  std::size_t at() const { return at_; }
  std::size_t left() const { return file_.bytes.size() - at_; }

  // The next number in decimals, after white space and comments.
  std::uint32_t number() {
    skip_space();
    file_.check(is_digit(peek()), " is damaged: no number at byte ", at_);
    std::uint32_t value = 0;
    for (; left() > 0 && is_digit(peek()); ++at_) {
      value = value * 10 + digit();
      file_.check(value <= kMaxNumber, " is damaged: a number beyond ", kMaxNumber, " at byte ", at_);
    }
    return value;
  }
  // The next bit in plain text, where they need no space between them.
  std::uint32_t bit() {
    skip_space();
    file_.check(is_digit(peek()), " is damaged: no bit at byte ", at_);
    const std::uint32_t value = digit();
    ++at_;
    return value;
  }
  // The one character between the header and raw values.
  void end_header() {
    file_.check(is_space(peek()), " is damaged: its header does not end at byte ", at_);
    ++at_;
  }

 private:
  std::uint32_t digit() const { return static_cast<std::uint32_t>(file_.bytes[at_] - '0'); }
  char peek() const {
    file_.check(left() > 0, " is cut short after ", file_.bytes.size(), " bytes");
    return file_.bytes[at_];
  }
  void skip_space() {
    for (; is_space(peek()) || peek() == '#'; ++at_)
      if (peek() == '#')
        while (peek() != '\n' && peek() != '\r') ++at_;
  }

  const EncodedPicture& file_;
  std::size_t at_ = 2;  // after P1 .. P6
};

struct Header {
  PictureInfo info;
  bool plain, bitmap;  // values in decimals; of one bit, 1 for black
  std::uint32_t max_value;

  std::uint64_t values() const { return static_cast<std::uint64_t>(info.width * info.height * info.channels); }
  // Of a row of raw bits, which are padded.
  std::uint64_t row_bytes() const { return (static_cast<std::uint64_t>(info.width) + 7) / 8; }
  // The fewest that can hold the values: in plain text one character for each.
  std::uint64_t bytes() const {
    if (plain) return values();
    if (bitmap) return row_bytes() * static_cast<std::uint64_t>(info.height);
    return values() * static_cast<std::uint64_t>(info.bits / 8);
  }
};

Header read_header(const EncodedPicture& file, Reader& reader) {
  const int kind = file.bytes[1] - '0';  // 1 to 3: bits, grey, colour in decimals; 4 to 6: the same, raw
  Header header{{.format = PictureFormat::pnm, .width = 0, .height = 0, .channels = kind % 3 == 0 ? 3 : 1, .bits = 1},
                kind <= 3,
                kind % 3 == 1,
                1};
  header.info.width = reader.number();
  header.info.height = reader.number();
  if (!header.bitmap) header.max_value = reader.number();
  file.check(header.max_value >= 1 && header.max_value <= kMaxValue, " is damaged: its largest value is ",
             header.max_value);
  if (!header.bitmap) header.info.bits = header.max_value > 255 ? 16 : 8;
  if (!header.plain) reader.end_header();
  file.check_size(header.info);
  return header;
}

// Calls `take(i, value)` with every value in the file.
template <class F>
void for_each_value(const EncodedPicture& file, const Header& header, Reader& reader, const F& take) {
  const std::uint64_t count = header.values(), width = static_cast<std::uint64_t>(header.info.width);
  const auto* raw = reinterpret_cast<const std::uint8_t*>(file.bytes.data()) + reader.at();
  for (std::uint64_t i = 0; i < count; ++i) {
    if (header.plain)
      take(i, header.bitmap ? reader.bit() : reader.number());
    else if (header.bitmap)  // the first one highest
      take(i, raw[i / width * header.row_bytes() + i % width / 8] >> (7 - i % width % 8) & 1U);
    else if (header.info.bits == 8)
      take(i, raw[i]);
    else  // big-endian
      take(i, std::uint32_t{raw[2 * i]} << 8 | raw[2 * i + 1]);
  }
}

}  // namespace

PictureInfo pnm_info(const EncodedPicture& file) {
  Reader reader(file);
  return read_header(file, reader).info;
}

Tensor decode_pnm(const EncodedPicture& file) {
  Reader reader(file);
  const Header header = read_header(file, reader);
  file.check_holds(header.info, reader.at() + header.bytes());
  const Interleaved layout{header.info.height, header.info.width, header.info.channels, header.info.channels};
  const std::uint32_t largest = header.max_value;
  const auto in_range = [&](std::uint32_t value) {
    file.check(value <= largest, " is damaged: a value of ", value, " where ", largest, " is the largest");
    return value;
  };
  if (header.info.bits == 16) {
    std::vector<float> values(header.values());
    for_each_value(file, header, reader, [&](std::uint64_t i, std::uint32_t value) {
      values[i] = static_cast<float>(in_range(value) * 255.0 / largest);
    });
    return picture_of(values.data(), layout);
  }
  std::vector<std::uint8_t> values(header.values());
  for_each_value(file, header, reader, [&](std::uint64_t i, std::uint32_t value) {
    const std::uint32_t scaled = (in_range(value) * 255 + largest / 2) / largest;
    values[i] = static_cast<std::uint8_t>(header.bitmap ? 255 - scaled : scaled);
  });
  return picture_of(values.data(), layout);
}

}  // namespace duel
