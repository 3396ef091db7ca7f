// Pictures of every kind against what PIL and tifffile read (tests/golden/make_pictures.py), and the same files
// damaged.
#include "duel/gan/media/picture.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "duel/gan/media/png.h"
#include "duel/tensor/allocator.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(DUEL_SOURCE_DIR) / "tests/golden/pictures";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string fixture(const std::string& name) { return file_content(kFolder / name); }

std::string decode_error(std::string_view bytes) {
  return error_of([&] { decode_picture(bytes, "it"); });
}

// The names of those that this build reads.
std::vector<std::string> fixtures() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename().string();
    if (name != "expected.json" && !has(decode_error(fixture(name)), "built without")) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

// What is written to the standard error stream meanwhile.
class StandardError {
 public:
  StandardError() : file_(folder_ / "stderr"), kept_(::dup(2)) {
    const int to = ::open(file_.c_str(), O_CREAT | O_WRONLY, 0600);
    ::dup2(to, 2);
    ::close(to);
  }
  ~StandardError() {
    ::dup2(kept_, 2);
    ::close(kept_);
  }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;
  std::string text() const { return file_content(file_); }

 private:
  const TempFolder folder_;
  const fs::path file_;
  const int kept_;
};

// A picture of what was left, or an error that names the file.
bool is_refused(const std::string& bytes) {
  Tensor picture;
  const std::string error = error_of([&] { picture = decode_picture(bytes, "it"); });
  CHECK(picture.defined() == error.empty());
  if (error.empty())
    CHECK((picture.dim() == 3 && picture.numel() > 0));
  else
    CHECK(error.starts_with("read_picture: it"));
  return !error.empty();
}

std::string little_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

std::string replaced(std::string text, std::size_t at, std::string_view by) { return text.replace(at, by.size(), by); }

}  // namespace

TEST_CASE("picture: all kinds are what PIL and tifffile make of them") {
  const auto expected = nlohmann::json::parse(fixture("expected.json"));
  int read = 0;
  for (const std::string& name : fixtures()) {
    CAPTURE(name);
    if (!expected.contains(name)) continue;
    const Tensor picture = read_picture(kFolder / name);
    const auto& wanted = expected[name];
    CHECK(nlohmann::json(std::vector<std::int64_t>(picture.shape().begin(), picture.shape().end())) == wanted["shape"]);
    CHECK(cat(picture.dtype()) == wanted["dtype"].get<std::string>());
    CHECK(picture.is_row_major());
    const auto values = wanted["values"].get<std::vector<double>>();
    const std::vector<double> got = doubles(picture);
    REQUIRE(got.size() == values.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got[i] - values[i]) <= 1e-4);
    const PictureInfo info = read_picture_info(kFolder / name);
    CHECK(Shape{info.channels, info.height, info.width} == picture.shape());
    CHECK((info.bits > 8) == (picture.dtype() == DType::float32));
    ++read;
  }
  CHECK(read >= 20);
}

TEST_CASE("picture: the format is told by the content") {
  const TempFolder folder;
  make_file(folder / "a.jpg", fixture("plain.ppm"));
  CHECK(read_picture(folder / "a.jpg").shape() == Shape{3, 2, 1});
  const PictureInfo info = read_picture_info(folder / "a.jpg");
  CHECK(name_of(info.format) == "PNM");
  CHECK((info.width == 1 && info.height == 2 && info.channels == 3 && info.bits == 8));
  CHECK(name_of(decode_picture_info(fixture("palette.png"), "it").format) == "PNG");
  CHECK(name_of(decode_picture_info(fixture("palette.bmp"), "it").format) == "BMP");
  CHECK(decode_picture_info(fixture("grey16.png"), "it").bits == 16);
  CHECK(decode_picture_info(fixture("raw.pbm"), "it").bits == 1);
}

TEST_CASE("picture: extensions") {
  for (std::string_view extension : picture_extensions()) CHECK(has_picture_extension(cat("a", extension)));
  CHECK(has_picture_extension("folder/a.b.JPeG"));
  for (const char* name : {"a", "jpg", ".jpg", "a.jpg.txt", "a.npz", "a.", ""}) CHECK(!has_picture_extension(name));
}

TEST_CASE("picture: read_png rounds 16 bits to 8") {
  const Tensor exact = read_picture(kFolder / "grey16.png"), rounded = read_png(kFolder / "grey16.png");
  CHECK(rounded.dtype() == DType::uint8);
  const std::vector<double> a = doubles(exact), b = doubles(rounded);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) <= 0.5);
}

TEST_CASE("picture: files cut at any byte") {
  const StandardError printed;
  for (const std::string& name : fixtures()) {
    CAPTURE(name);
    const std::string whole = fixture(name);
    for (std::size_t length = 0; length<whole.size(); length += whole.size()> 1000 ? 7 : 1) {
      CAPTURE(length);
      // The one's last bytes say that no picture follows, the other's last number may be cut.
      const bool may_be_whole = (name == "group4.tif" || name == "plain.pgm") && length + 4 >= whole.size();
      CHECK((is_refused(whole.substr(0, length)) || may_be_whole));
    }
  }
  CHECK(printed.text().empty());
}

TEST_CASE("picture: altered files give a picture or an error") {
  const StandardError printed;
  Rng rng(7);
  for (const std::string& name : fixtures()) {
    CAPTURE(name);
    const std::string whole = fixture(name);
    for (int round = 0; round < 150; ++round) {
      std::string altered = whole;
      for (std::uint64_t flips = 1 + rng.below(3); flips > 0; --flips)
        altered[rng.below(altered.size())] = static_cast<char>(rng.below(256));
      is_refused(altered);
    }
  }
  CHECK(printed.text().empty());
}

TEST_CASE("picture: sizes that the file can't hold are refused before memory is taken") {
  reset_peak_memory(Device::cpu);
  const std::size_t before = memory_stats(Device::cpu).live;
  const char* cannot_hold = "can hold";
  const char* too_large = "at most 2^31 bytes are read";
  const auto check_error = [](const std::string& bytes, const char* wanted) {
    const std::string error = decode_error(bytes);
    CHECK_MESSAGE((has(error, wanted) || has(error, "built without")), error);
  };
  for (const char* kind : {"P1", "P2", "P3", "P4", "P5", "P6"}) {
    const std::string depth = kind[1] == '1' || kind[1] == '4' ? "" : "255\n";
    check_error(cat(kind, " 20000 20000\n", depth), cannot_hold);
    check_error(cat(kind, " 100000 100000\n", depth), too_large);
    check_error(cat(kind, " 99999999999 1\n", depth), "a number beyond");
    check_error(cat(kind, " 0 1\n", depth), "0 by 1 pixels");
  }
  const std::size_t bmp_width = 18, bmp_height = 22;
  check_error(replaced(fixture("rgb.bmp"), bmp_width, little_endian(20000)), cannot_hold);
  check_error(replaced(fixture("rgb.bmp"), bmp_height, little_endian(0x7fffffff)), too_large);
  check_error(replaced(fixture("rgb.bmp"), bmp_height, little_endian(0x80000000)), too_large);
  check_error(replaced(fixture("rgb.bmp"), bmp_width, little_endian(0xffffffff)), "-1 by 3 pixels");
  const std::string jpeg = fixture("grey.jpg");
  const std::size_t jpeg_size = jpeg.find("\xff\xc0") + 5;
  check_error(replaced(jpeg, jpeg_size, "\x20\x20\x20\x20"), cannot_hold);
  check_error(replaced(jpeg, jpeg_size, "\xff\xd0\xff\xd0"), too_large);
  const std::size_t gif_screen = 6, gif_picture = fixture("grey.gif").find(std::string(",\0\0\0\0", 5)) + 5;
  const std::string gif = replaced(fixture("grey.gif"), gif_screen, "\xff\xff\xff\x20");
  check_error(replaced(gif, gif_picture, "\xff\xff\xff\x20"), cannot_hold);
  check_error(replaced(gif, gif_screen, "\xff\xff\xff\xff"), too_large);
  const std::size_t tiff_width = 10 + 8, tiff_height = 10 + 12 + 8;  // values of the first two tags
  const std::string tiff = fixture("four_bits.tif");
  check_error(replaced(replaced(tiff, tiff_width, "\xff\xff"), tiff_height, "\x00\x20"), cannot_hold);
  check_error(replaced(replaced(tiff, tiff_width, "\xff\xff"), tiff_height, "\xff\xff"), too_large);
  CHECK(memory_stats(Device::cpu).peak == before);
}

TEST_CASE("picture: JPEG files with odd but whole data, and with scans without end") {
  const std::string whole = fixture("grey_progressive.jpg");
  if (has(decode_error(whole), "built without")) return;
  const auto values = [](std::string_view bytes) { return decode_picture(bytes, "it").to_vector<std::uint8_t>(); };
  const std::string before_end = whole.substr(0, whole.size() - 2), end = whole.substr(whole.size() - 2);
  CHECK(values(before_end + std::string(5, '\0') + end + "after the end") == values(whole));
  // A scan of all but the first coefficient in which every block is 0, with a table that has a code for only that.
  const std::string table = "\xff\xc4" + std::string("\0\x14\x10\1", 4) + std::string(16, '\0');
  std::string scans = table;
  const auto add = [&](int count) {
    for (int i = 0; i < count; ++i) scans += "\xff\xda" + std::string("\0\x08\1\1\0\x01\x3f\0\x7f", 9);
  };
  add(50);
  CHECK(decode_error(before_end + scans + end).empty());
  add(600);
  CHECK(has(decode_error(before_end + scans + end), "more than 500 scans"));
}

TEST_CASE("picture: what is not read is named") {
  const TempFolder folder;
  const auto check_error = [](const std::string& error, const char* wanted) {
    CHECK_MESSAGE((has(error, wanted) || has(error, "built without")), error);
  };
  make_file(folder / "empty.png", "");
  CHECK(has(error_of([&] { read_picture(folder / "empty.png"); }), "/empty.png\" is empty"));
  CHECK(has(error_of([&] { read_picture(folder / "none.png"); }), "no such file"));
  CHECK(has(error_of([&] { read_picture(folder.path()); }), "not a regular file"));
  for (const char* other : {"GIF88a", "RIFF", "RIFF1234WAVE", "P7\n", "P", "\xff\xd8"})
    check_error(decode_error(other), "no picture that can be read");
  check_error(decode_error(fixture("animated.webp")), "animated");
  check_error(decode_error(fixture("rle8.bmp")), "run-length encoded");
  const std::string gif = fixture("grey.gif");
  check_error(decode_error(replaced(gif, 6, std::string("\1\0", 2))), "does not lie within 1 by 3");
  check_error(decode_error(gif.substr(0, 13 + 3 * 16) + ";"), "no picture in it");
  check_error(decode_error(fixture("signed.tif")), "signed");
  check_error(decode_error("P5 1 1 7\n\x08"), "a value of 8 where 7 is the largest");
  check_error(decode_error("P5 1 1 70000\n\x08"), "its largest value is 70000");
  check_error(decode_error("P2 1 1 7 x"), "no number at byte 9");
  const std::size_t colour = fixture("four_bits.bmp").size() - 8;
  check_error(decode_error(replaced(fixture("four_bits.bmp"), colour, "\x33")), "colour 3 of 3");
}
