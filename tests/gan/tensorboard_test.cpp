// TensorBoard's event files, read by a reader of our own that shares nothing with the writer.
#include "duel/gan/tensorboard.h"

#include <doctest/doctest.h>

#include <signal.h>
#include <sys/resource.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <vector>

#include "tests/support/temp_folder.h"

using namespace duel;
using namespace duel::testing;
namespace fs = std::filesystem;

namespace {

// Bit by bit, from the definition.
std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
  }
  return ~crc;
}

template <class T>
T number(std::string_view bytes) {
  REQUIRE(bytes.size() >= sizeof(T));
  T x;
  std::memcpy(&x, bytes.data(), sizeof x);
  return x;
}

std::string_view take(std::string_view& bytes, std::size_t count) {
  REQUIRE(bytes.size() >= count);
  const std::string_view taken = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return taken;
}

std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t x = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(take(bytes, 1)[0]);
    x |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return x;
  }
}

// A message's fields; integers as 8 bytes. No field of those written here repeats.
using Message = std::map<std::uint64_t, std::string>;

Message message(std::string_view bytes) {
  Message fields;
  while (!bytes.empty()) {
    const std::uint64_t key = take_varint(bytes);
    std::string& field = fields[key >> 3];
    REQUIRE(field.empty());
    switch (key & 7) {
      case 0: {
        const std::uint64_t x = take_varint(bytes);
        field.assign(reinterpret_cast<const char*>(&x), sizeof x);
        break;
      }
      case 1: field = take(bytes, 8); break;
      case 2: field = take(bytes, take_varint(bytes)); break;
      case 5: field = take(bytes, 4); break;
      default: FAIL("unknown coding ", key & 7);
    }
  }
  return fields;
}

std::vector<Message> events(const fs::path& file) {
  const std::string content = file_content(file);
  std::string_view rest = content;
  const auto checked = [](std::string_view bytes, std::string_view sum) {
    const std::uint32_t turned = number<std::uint32_t>(sum) - 0xa282ead8;
    REQUIRE(((turned >> 17) | (turned << 15)) == crc32c(bytes));
    return bytes;
  };
  std::vector<Message> all;
  while (!rest.empty()) {
    const std::string_view length = take(rest, 8);
    checked(length, take(rest, 4));
    const std::string_view data = take(rest, number<std::uint64_t>(length));
    all.push_back(message(checked(data, take(rest, 4))));
    CHECK(number<double>(all.back().at(1)) > 1.6e9);  // wall_time
  }
  return all;
}

std::int64_t step_of(const Message& event) { return number<std::int64_t>(event.at(2)); }
Message value_of(const Message& event) { return message(message(event.at(5)).at(1)); }

std::vector<double> doubles(const std::string& packed) {
  std::vector<double> values(packed.size() / sizeof(double));
  std::memcpy(values.data(), packed.data(), packed.size());
  return values;
}

}  // namespace

TEST_CASE("the checksum is the one of RFC 3720") {
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(crc32c("123456789") == 0xe3069283);
}

TEST_CASE("event files hold a version, a start and what was written, in order") {
  const TempFolder folder;
  TensorBoardWriter writer(folder / "events");
  CHECK(writer.path().filename().string().starts_with("events.out.tfevents.1"));
  writer.scalar("loss/d", 7, -1.25);
  writer.image("samples", 300, {.height = 2, .width = 300, .channels = 1, .bytes = std::string_view("\x89PNG\0x", 6)});
  writer.text("configuration", 0, "| a | b |");
  writer.scalar("loss/d", std::int64_t{1} << 40, std::nan(""));
  const std::vector<Message> all = events(writer.path());  // without the writer's end
  REQUIRE(all.size() == 6);
  CHECK(all[0].at(3) == "brain.Event:2");
  CHECK(step_of(all[1]) == 1);
  CHECK(number<std::int64_t>(message(all[1].at(7)).at(1)) == 1);

  CHECK(step_of(all[2]) == 7);
  CHECK(value_of(all[2]).at(1) == "loss/d");
  CHECK(number<float>(value_of(all[2]).at(2)) == -1.25f);

  const Message image = message(value_of(all[3]).at(4));
  CHECK(number<std::int64_t>(image.at(1)) == 2);
  CHECK(number<std::int64_t>(image.at(2)) == 300);
  CHECK(number<std::int64_t>(image.at(3)) == 1);
  CHECK(image.at(4) == std::string("\x89PNG\0x", 6));

  const Message tensor = message(value_of(all[4]).at(8));
  CHECK(number<std::int64_t>(tensor.at(1)) == 7);
  CHECK(number<std::int64_t>(message(message(tensor.at(2)).at(2)).at(1)) == 1);
  CHECK(tensor.at(8) == "| a | b |");
  CHECK(message(message(value_of(all[4]).at(9)).at(1)).at(1) == "text");

  CHECK(step_of(all[5]) == std::int64_t{1} << 40);
  CHECK(std::isnan(number<float>(value_of(all[5]).at(2))));
}

TEST_CASE("histograms count in TensorFlow's buckets") {
  const TempFolder folder;
  TensorBoardWriter writer(folder.path());
  const float infinity = std::numeric_limits<float>::infinity();
  writer.histogram("h", 1, std::vector<float>{-2, 0, 0, 0.5f, 3e38f, infinity, std::nanf("")});
  writer.histogram("none", 2, {});
  const std::vector<Message> all = events(writer.path());
  const Message h = message(value_of(all[2]).at(5));
  CHECK(number<double>(h.at(1)) == -2);
  CHECK(number<double>(h.at(2)) == 3e38f);
  CHECK(number<double>(h.at(3)) == 5);
  CHECK(number<double>(h.at(4)) == doctest::Approx(3e38f));
  const std::vector<double> limits = doubles(h.at(6)), counts = doubles(h.at(7));
  REQUIRE(limits.size() == counts.size());
  CHECK(limits.back() == std::numeric_limits<double>::max());
  const auto count_up_to = [&](double x) {  // in the bucket that x lies in
    for (std::size_t i = 0; i < limits.size(); ++i)
      if (x < limits[i]) return counts[i];
    return -1.0;
  };
  CHECK(count_up_to(-2) == 1);
  CHECK(count_up_to(0) == 2);
  CHECK(count_up_to(0.5) == 1);
  CHECK(count_up_to(3e38) == 1);
  CHECK(count_up_to(-1) == 0);
  for (std::size_t i = 1; i < counts.size(); ++i) {
    CHECK(limits[i] > limits[i - 1]);
    CHECK_FALSE((counts[i] == 0 && counts[i - 1] == 0));
    if (counts[i] > 0 && limits[i - 1] > 0 && limits[i] < 1e20)
      CHECK(limits[i] / limits[i - 1] == doctest::Approx(1.1));
  }
  const Message none = message(value_of(all[3]).at(5));
  CHECK(number<double>(none.at(3)) == 0);
  CHECK(number<double>(none.at(2)) == 0);
}

TEST_CASE("a run that goes on writes a later file, which says from where") {
  const TempFolder folder;
  fs::path first;
  {
    TensorBoardWriter writer(folder.path());
    writer.scalar("x", 5, 1);
    first = writer.path();
  }
  const std::string before = file_content(first);
  TensorBoardWriter writer(folder.path(), 3);
  CHECK(writer.path().filename().string() > first.filename().string());
  CHECK(file_content(first) == before);
  const std::vector<Message> all = events(writer.path());
  REQUIRE(all.size() == 2);
  CHECK(step_of(all[1]) == 4);  // the first that is dropped
  CHECK(number<std::int64_t>(message(all[1].at(7)).at(1)) == 1);
}

TEST_CASE("what can't be written is one error with the path, and leaves whole records") {
  const TempFolder folder;
  make_file(folder / "file", "");
  CHECK_THROWS_WITH_AS(TensorBoardWriter(folder / "file"), doctest::Contains("file"), Error);
  CHECK_THROWS_AS(TensorBoardWriter(folder / "e", -1), Error);

  TensorBoardWriter writer(folder / "full");
  CHECK_THROWS_WITH_AS(writer.image("p", 1, {.height = 0, .width = 2, .bytes = ""}), doctest::Contains("0 x 2"), Error);
  writer.scalar("x", 1, 1);
  const std::uintmax_t size = fs::file_size(writer.path());
  // The disk is full 10 bytes from here.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit limit{size + 10, before.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  std::string message;
  try {
    writer.scalar("x", 2, 1);
  } catch (const Error& e) {
    message = e.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  CHECK_MESSAGE(message.find(writer.path().string()) != std::string::npos, message);
  CHECK(fs::file_size(writer.path()) == size);
  writer.scalar("x", 3, 1);  // room again
  CHECK(step_of(events(writer.path()).back()) == 3);
}
