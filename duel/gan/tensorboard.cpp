#include "duel/gan/tensorboard.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <system_error>
#include <vector>

#include "duel/tensor/error.h"

namespace duel {
namespace fs = std::filesystem;
namespace {

// ---- Records: length, its checksum, the message, its checksum; little-endian ----

// CRC-32C (Castagnoli), as in RFC 3720, a byte at a time.
constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    table[byte] = crc;
  }
  return table;
}();

// A checksum of data that hold checksums is weak: TFRecord turns and shifts them.
std::uint32_t masked_crc(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  return std::rotr(~crc, 15) + 0xa282ead8u;
}

template <class T>
std::string little_endian(T x) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes.push_back(static_cast<char>(x >> (8 * i)));
  return bytes;
}

std::string record(const std::string& message) {
  const std::string length = little_endian(static_cast<std::uint64_t>(message.size()));
  return length + little_endian(masked_crc(length)) + message + little_endian(masked_crc(message));
}

// ---- Messages: fields by number, each a tag (number and type of coding) and a value ----

std::string varint(std::uint64_t x) {
  std::string bytes;
  for (; x >= 0x80; x >>= 7) bytes.push_back(static_cast<char>(x | 0x80));
  bytes.push_back(static_cast<char>(x));
  return bytes;
}

enum class Coding : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

std::string key(int number, Coding coding) {
  return varint(static_cast<std::uint64_t>(number) << 3 | static_cast<std::uint64_t>(coding));
}
std::string integer_field(int number, std::int64_t x) {
  return key(number, Coding::varint) + varint(static_cast<std::uint64_t>(x));
}
std::string float_field(int number, float x) {
  return key(number, Coding::fixed32) + little_endian(std::bit_cast<std::uint32_t>(x));
}
std::string double_field(int number, double x) {
  return key(number, Coding::fixed64) + little_endian(std::bit_cast<std::uint64_t>(x));
}
// A text, a message in the message, or packed numbers.
std::string bytes_field(int number, std::string_view bytes) {
  return key(number, Coding::bytes).append(varint(bytes.size())).append(bytes);
}
std::string doubles_field(int number, const std::vector<double>& values) {
  std::string packed;
  for (const double x : values) packed += little_endian(std::bit_cast<std::uint64_t>(x));
  return bytes_field(number, packed);
}

std::string event(std::int64_t step, const std::string& content) {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return record(double_field(1, now) + integer_field(2, step) + content);  // wall_time, step
}

// ---- Histograms ----

// The upper limits of the buckets, as TensorFlow's lib/histogram has them.
const std::vector<double>& bucket_limits() {
  static const std::vector<double> limits = [] {
    std::vector<double> positive;
    for (double limit = 1e-12; limit < 1e20; limit *= 1.1) positive.push_back(limit);
    positive.push_back(std::numeric_limits<double>::max());
    std::vector<double> all;
    for (auto limit = positive.rbegin(); limit != positive.rend(); ++limit) all.push_back(-*limit);
    all.push_back(0);
    all.insert(all.end(), positive.begin(), positive.end());
    return all;
  }();
  return limits;
}

// HistogramProto; a row of empty buckets becomes one.
std::string histogram_message(std::span<const float> values) {
  const std::vector<double>& limits = bucket_limits();
  std::vector<double> counts(limits.size(), 0);
  double low = std::numeric_limits<double>::max(), high = -low, number = 0, sum = 0, squares = 0;
  for (const double x : values) {
    if (!std::isfinite(x)) continue;
    ++counts[static_cast<std::size_t>(std::upper_bound(limits.begin(), limits.end(), x) - limits.begin())];
    low = std::min(low, x);
    high = std::max(high, x);
    ++number;
    sum += x;
    squares += x * x;
  }
  std::vector<double> kept_limits, kept_counts;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    if (counts[i] == 0 && !kept_counts.empty() && kept_counts.back() == 0)
      kept_limits.back() = limits[i];
    else
      kept_limits.push_back(limits[i]), kept_counts.push_back(counts[i]);
  }
  if (number == 0) low = high = 0;
  return double_field(1, low) + double_field(2, high) + double_field(3, number) + double_field(4, sum) +
         double_field(5, squares) + doubles_field(6, kept_limits) + doubles_field(7, kept_counts);
}

// ---- Files ----

constexpr std::string_view kPrefix = "events.out.tfevents.";

std::int64_t seconds_of(const std::string& name) {
  std::int64_t seconds = 0;
  if (name.starts_with(kPrefix)) std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), seconds);
  return seconds;
}

// TensorBoard reads a folder's files by rising names, and the seconds come first: a new file's are later than those of
// all that are there, whatever the clock says.
fs::path new_file(const fs::path& folder) {
  using std::chrono::system_clock;
  std::int64_t seconds = system_clock::to_time_t(system_clock::now());
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    seconds = std::max(seconds, seconds_of(entry.path().filename().string()) + 1);
  char host[256] = "";
  if (::gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') return folder / cat(kPrefix, seconds, ".localhost");
  return folder / cat(kPrefix, seconds, ".", host);
}

}  // namespace

TensorBoardWriter::TensorBoardWriter(const fs::path& folder, std::int64_t step) {
  check(step >= 0, "TensorBoardWriter", "step ", step, " is negative");
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, "TensorBoardWriter", "the folder ", folder, " can't be made: ", error.message());
  file_ = std::make_unique<AppendFile>(new_file(folder));
  file_->append(event(0, bytes_field(3, "brain.Event:2")));  // file_version
  // session_log with status START: readers drop what they have of this step and later ones.
  constexpr std::int64_t start = 1;
  file_->append(event(step + 1, bytes_field(7, integer_field(1, start))));
}

// An event with one Summary.Value.
void TensorBoardWriter::summary(std::int64_t step, const std::string& tag, const std::string& value) {
  file_->append(event(step, bytes_field(5, bytes_field(1, bytes_field(1, tag) + value))));
}

void TensorBoardWriter::scalar(const std::string& tag, std::int64_t step, double value) {
  summary(step, tag, float_field(2, static_cast<float>(value)));  // simple_value
}

void TensorBoardWriter::image(const std::string& tag, std::int64_t step, const EncodedImage& picture) {
  check(picture.height > 0 && picture.width > 0 && picture.channels > 0, "TensorBoardWriter", "picture '", tag,
        "' has ", picture.channels, " channels, ", picture.height, " x ", picture.width, " pixels");
  summary(step, tag,
          bytes_field(4, integer_field(1, picture.height) + integer_field(2, picture.width) +
                             integer_field(3, picture.channels) + bytes_field(4, picture.bytes)));
}

void TensorBoardWriter::histogram(const std::string& tag, std::int64_t step, std::span<const float> values) {
  summary(step, tag, bytes_field(5, histogram_message(values)));
}

void TensorBoardWriter::text(const std::string& tag, std::int64_t step, const std::string& text) {
  constexpr std::int64_t dt_string = 7;
  const std::string shape = bytes_field(2, integer_field(1, 1));  // one dimension, of size 1
  const std::string tensor = integer_field(1, dt_string) + bytes_field(2, shape) + bytes_field(8, text);
  const std::string metadata = bytes_field(1, bytes_field(1, "text"));  // plugin_data.plugin_name
  summary(step, tag, bytes_field(8, tensor) + bytes_field(9, metadata));
}

}  // namespace duel
