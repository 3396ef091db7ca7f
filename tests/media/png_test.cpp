// PNG files, read and written; those to read are put together here, byte by byte.
#include "duel/gan/media/png.h"

#include <doctest/doctest.h>

#include "duel/tensor/allocator.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Bytes = std::vector<std::uint8_t>;

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

std::string chunk(const std::string& type, const std::string& content) {
  std::uint32_t crc = 0xffffffff;
  for (char c : type + content) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return big_endian(static_cast<std::uint32_t>(content.size())) + type + content + big_endian(~crc);
}

// A zlib stream of one uncompressed block.
std::string stored(const Bytes& bytes) {
  std::uint32_t a = 1, b = 0;
  std::string content;
  for (std::uint8_t byte : bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
    content.push_back(static_cast<char>(byte));
  }
  const auto low = static_cast<char>(bytes.size()), high = static_cast<char>(bytes.size() >> 8);
  return std::string{0x78, 0x01, 0x01, low, high, static_cast<char>(~low), static_cast<char>(~high)} + content +
         big_endian(b << 16 | a);
}

enum Colour : std::uint8_t { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgba = 6 };

struct Png {
  std::uint32_t width, height;
  std::uint8_t depth;
  Colour colour;
  Bytes rows;              // each after its filter byte
  std::string extra = "";  // chunks before the pixels
  bool interlaced = false;

  std::string bytes() const {
    const std::string format = {static_cast<char>(depth), static_cast<char>(colour), 0, 0, interlaced ? '\1' : '\0'};
    return "\x89PNG\r\n\x1a\n" + chunk("IHDR", big_endian(width) + big_endian(height) + format) + extra +
           chunk("IDAT", stored(rows)) + chunk("IEND", "");
  }
};

void check_read(const Png& png, const Shape& shape, const Bytes& expected) {
  const TempFolder folder;
  make_file(folder / "a.png", png.bytes());
  const Tensor t = read_png(folder / "a.png");
  CHECK(t.shape() == shape);
  CHECK(t.is_row_major());
  CHECK(t.to_vector<std::uint8_t>() == expected);
}

std::string read_error(const std::string& content) {
  const TempFolder folder;
  make_file(folder / "a.png", content);
  const std::string error = error_of([&] { read_png(folder / "a.png"); });
  CHECK((error.empty() || error.find((folder / "a.png").string()) != std::string::npos));
  return error;
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("png: what is written is read back, in any strides, as the same bytes") {
  const TempFolder folder;
  Rng rng(5);
  for (const Shape& shape : {Shape{1, 28, 28}, Shape{3, 5, 7}, Shape{3, 1, 1}, Shape{1, 300, 2}}) {
    Bytes bytes;
    for (std::int64_t i = 0; i < shape.numel(); ++i) bytes.push_back(static_cast<std::uint8_t>(rng.below(256)));
    const Tensor picture = Tensor::from(bytes, shape);
    write_png(folder / "a.png", picture);
    const Tensor read = read_png(folder / "a.png");
    CHECK(read.shape() == shape);
    CHECK(read.to_vector<std::uint8_t>() == bytes);
    write_png(folder / "b.png", as_view(picture, View::reversed));
    CHECK(file_content(folder / "b.png") == file_content(folder / "a.png"));
  }
  CHECK(folder.entries() == 2);
}

TEST_CASE("png: every kind is read") {
  check_read({2, 1, 8, grey, {0, 10, 200}}, {1, 1, 2}, {10, 200});
  check_read({3, 1, 1, grey, {0, 0b10100000}}, {1, 1, 3}, {255, 0, 255});
  check_read({2, 1, 16, grey, {0, 0x80, 0x00, 0x12, 0x34}}, {1, 1, 2}, {128, 18});
  check_read({1, 2, 8, rgb, {0, 1, 2, 3, 0, 4, 5, 6}}, {3, 2, 1}, {1, 4, 2, 5, 3, 6});
  check_read({1, 1, 16, rgb, {0, 1, 0, 2, 0, 255, 255}}, {3, 1, 1}, {1, 2, 255});
  check_read({2, 1, 8, grey_alpha, {0, 100, 255, 100, 0}}, {1, 1, 2}, {100, 255});
  check_read({2, 1, 8, rgba, {0, 0, 255, 100, 128, 1, 2, 3, 0}}, {3, 1, 2}, {127, 255, 255, 255, 177, 255});
  const std::string colours = chunk("PLTE", {1, 2, 3, 4, 5, 6});
  check_read({2, 1, 8, palette, {0, 1, 0}, colours}, {3, 1, 2}, {4, 1, 5, 2, 6, 3});
  check_read({2, 1, 1, palette, {0, 0b01000000}, colours}, {3, 1, 2}, {1, 4, 2, 5, 3, 6});
  check_read({2, 1, 8, palette, {0, 1, 0}, colours + chunk("tRNS", {'\xff', 0})}, {3, 1, 2}, {255, 1, 255, 2, 255, 3});
  check_read({2, 2, 8, grey, {0, 1, 0, 2, 0, 3, 4}, "", true}, {1, 2, 2}, {1, 2, 3, 4});
}

TEST_CASE("png: read_picture keeps 16 bits") {
  const auto read = [](const Png& png) { return decode_picture(png.bytes(), "it").to_vector<float>(); };
  CHECK(read({1, 1, 16, rgb, {0, 1, 0, 2, 0, 255, 255}}) == std::vector<float>{256 / 257.F, 512 / 257.F, 255});
  CHECK(read({2, 1, 16, grey_alpha, {0, 16, 0, 255, 255, 16, 0, 0, 0}}) == std::vector<float>{4096 / 257.F, 255});
  CHECK(read({1, 1, 16, grey_alpha, {0, 0, 0, 127, 255}}) == std::vector<float>{32768 / 257.F});
  const std::string black = chunk("tRNS", {0, 0});
  CHECK(read({2, 1, 16, grey, {0, 0, 0, 0, 1}, black}) == std::vector<float>{255, 1 / 257.F});
  CHECK(read({1, 2, 16, grey, {0, 0, 1, 0, 0, 2}, "", true}) == std::vector<float>{1 / 257.F, 2 / 257.F});
}

TEST_CASE("png: cut at any byte, or with any byte altered") {
  const std::string whole =
      Png{2, 2, 8, palette, {0, 1, 0, 0, 0, 1}, chunk("PLTE", {1, 2, 3, 4, 5, 6}) + chunk("tEXt", "a")}.bytes();
  REQUIRE(read_error(whole).empty());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    CAPTURE(at);
    CHECK(!read_error(whole.substr(0, at)).empty());
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      CHECK(!read_error(flipped).empty());
    }
  }
}

TEST_CASE("png: files that are whole but wrong") {
  CHECK(has(read_error(""), "not a PNG file"));
  CHECK(has(read_error("GIF89a"), "not a PNG file"));
  CHECK(!read_error(Png{2, 2, 8, grey, {0, 1, 2}}.bytes()).empty());     // a row is missing
  CHECK(!read_error(Png{2, 1, 8, grey, {9, 1, 2}}.bytes()).empty());     // no such filter
  CHECK(!read_error(Png{2, 1, 8, palette, {0, 1, 2}}.bytes()).empty());  // no palette
  CHECK(!read_error(Png{2, 1, 7, grey, {0, 1, 2}}.bytes()).empty());     // no such depth
  CHECK(!read_error(Png{0, 1, 8, grey, {0}}.bytes()).empty());
  const std::string good = Png{1, 1, 8, grey, {0, 1}}.bytes();
  CHECK(!read_error(good.substr(0, 33) + chunk("IEND", "")).empty());  // no pixels
  CHECK(read_error(good + "something after the end").empty());
  reset_peak_memory(Device::cpu);
  const std::size_t before = memory_stats(Device::cpu).live;
  CHECK(has(read_error(Png{1'000'000, 1'000'000, 16, rgba, {0}}.bytes()), "1000000 by 1000000 pixels"));
  CHECK(!read_error(Png{0x7fffffff, 0x7fffffff, 16, rgba, {0}}.bytes()).empty());
  CHECK(memory_stats(Device::cpu).peak == before);
}

TEST_CASE("png: misuse is named") {
  const TempFolder folder;
  const auto error = [&](const Tensor& t) { return error_of([&] { write_png(folder / "a.png", t); }); };
  CHECK(has(error(Tensor()), "undefined"));
  CHECK(has(error(Tensor::zeros({1, 2, 2})), "float32[1, 2, 2]"));
  CHECK(has(error(Tensor::zeros({2, 2}, {.dtype = DType::uint8})), "uint8[2, 2]"));
  CHECK(has(error(Tensor::zeros({4, 2, 2}, {.dtype = DType::uint8})), "C = 1 or 3"));
  CHECK(has(error(Tensor::zeros({3, 0, 2}, {.dtype = DType::uint8})), "[3, 0, 2]"));
  CHECK(has(error_of([&] {
              write_png(folder / "no/a.png", Tensor::zeros({1, 1, 1}, {.dtype = DType::uint8}));
            }),
            "No such file or directory"));
  CHECK(has(error_of([&] { read_png(folder / "a.png"); }), "no such file"));
  CHECK(has(error_of([&] { read_png(folder.path()); }), "not a regular file"));
  CHECK(folder.entries() == 0);
}
