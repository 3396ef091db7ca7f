// Colour fonts of bitmaps: which glyphs have pictures and what is in them, fonts without, and broken ones.
#include "duel/gan/media/font.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "duel/gan/media/open_dataset.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

namespace fs = std::filesystem;

const fs::path kFonts = fs::path(DUEL_SOURCE_DIR) / "tests/golden/datasets";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What make_fonts.py draws: (10 g, 30 y, 30 x), the first row half transparent, on white.
void check_picture(const Dataset& font, std::int64_t index, int glyph) {
  Rng draws(0);
  const Tensor picture = font.read(index, draws).picture;
  REQUIRE(picture.shape() == Shape{3, 8, 8});
  CHECK(font.name(index).ends_with(cat(".ttf, glyph ", glyph)));
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x) {
      const std::array<int, 3> colour = {10 * glyph, 30 * y, 30 * x};
      for (int c = 0; c < 3; ++c) {
        const double covered = y == 0 ? 128.0 / 255 : 1;
        const double expected = colour[static_cast<std::size_t>(c)] * covered + 255 * (1 - covered);
        CHECK(std::abs(picture.select(0, c).select(0, y).select(0, x).item() - expected) <= 0.5);
      }
    }
}

// Reads everything that can be read; nothing but an Error may come of it.
void read_all(const fs::path& path) {
  try {
    const auto font = open_font(path);
    Rng draws(0);
    for (std::int64_t i = 0; i < font->size(); ++i) {
      try {
        static_cast<void>(font->read(i, draws));
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
}

}  // namespace

TEST_CASE("font: the glyphs of CBDT that have a picture, each picture once, of the largest size") {
  const auto font = open_font(kFonts / "cbdt.ttf");
  REQUIRE(font->size() == 7);  // 3 has the picture of 1
  const std::array<int, 7> glyphs = {1, 2, 4, 5, 7, 8, 9};
  for (std::int64_t i = 0; i < 7; ++i) check_picture(*font, i, glyphs[static_cast<std::size_t>(i)]);
  CHECK(font->classes() == 0);
}

TEST_CASE("font: sbix") {
  const auto font = open_font(kFonts / "sbix.ttf");
  REQUIRE(font->size() == 2);
  check_picture(*font, 0, 1);
  check_picture(*font, 1, 3);
}

TEST_CASE("font: is told by its name, and has a format's name") {
  CHECK(open_dataset(kFonts / "cbdt.ttf")->size() == 7);
  CHECK(open_dataset(kFonts / "sbix.ttf", {.format = "font", .max_size = 1})->size() == 1);
}

TEST_CASE("font: what is no colour font is refused") {
  const TempFolder folder;
  const std::string content = file_content(kFonts / "sbix.ttf");
  make_file(folder / "text.ttf", "no font at all");
  CHECK(has(error_of([&] { open_font(folder / "text.ttf"); }), "text.ttf\" is no OpenType font"));
  std::string outlines = content;
  outlines.replace(outlines.find("sbix"), 4, "none");
  make_file(folder / "outlines.ttf", outlines);
  CHECK(has(error_of([&] { open_font(folder / "outlines.ttf"); }), "no colour bitmaps"));
  CHECK(has(error_of([&] { open_font(folder / "missing.ttf"); }), "no such file"));
}

TEST_CASE("font: cut short or altered anywhere") {
  const TempFolder folder;
  const fs::path path = folder / "broken.ttf";
  for (const char* name : {"cbdt.ttf", "sbix.ttf"}) {
    const std::string content = file_content(kFonts / name);
    for (std::size_t length = 0; length < content.size(); length += 7) {
      make_file(path, content.substr(0, length));
      CHECK_NOTHROW(read_all(path));
    }
    make_file(path, content);
    for (std::size_t at = 0; at < content.size(); ++at) {
      set_byte(path, at, static_cast<char>(content[at] ^ '\xff'));
      CHECK_NOTHROW(read_all(path));
      set_byte(path, at, content[at]);
    }
  }
}

TEST_CASE("font: Noto Color Emoji") {
  const fs::path path = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";
  if (!fs::exists(path)) {
    MESSAGE("skipped: there is no ", path.string());
    return;
  }
  const auto font = open_font(path);
  CHECK(font->size() > 3000);
  Rng draws(0);
  for (std::int64_t i = 0; i < font->size(); i += font->size() / 8)
    CHECK(font->read(i, draws).picture.shape() == Shape{3, 128, 136});
}
