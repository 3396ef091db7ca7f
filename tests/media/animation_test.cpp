// Animations: a PNG file to those that know no more, and every frame in it.
#include "duel/gan/media/animation.h"

#include <doctest/doctest.h>

#include "duel/gan/media/png.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t x = 0;
  for (std::size_t i = at; i < at + 4; ++i) x = x << 8 | static_cast<unsigned char>(bytes[i]);
  return x;
}

struct Chunk {
  std::string type, content, whole;
};

std::vector<Chunk> chunks_of(const std::string& file) {
  std::vector<Chunk> chunks;
  for (std::size_t at = 8; at < file.size();) {
    const std::size_t length = number_at(file, at);
    chunks.push_back({file.substr(at + 4, 4), file.substr(at + 8, length), file.substr(at, length + 12)});
    at += length + 12;
  }
  return chunks;
}

// The compressed pixels of frame `number`, from 0; of a file without frames, those of its picture.
std::string pixels_of(const std::string& file, std::size_t number = 0) {
  std::size_t frames = 0;
  std::string pixels;
  for (const Chunk& c : chunks_of(file)) {
    frames += c.type == "fcTL";
    if (c.type == "IDAT" && (frames == number + 1 || frames == 0)) pixels += c.content;
    if (c.type == "fdAT" && frames == number + 1) pixels += c.content.substr(4);
  }
  return pixels;
}

}  // namespace

TEST_CASE("an animation has its first frame for other readers, and all frames in order") {
  TempFolder folder;
  for (const std::int64_t channels : {1, 3}) {
    const Tensor frames = Rng(1).integers({4, channels, 9, 13}, 256).to(DType::uint8);
    write_animation(folder / "a.png", frames, {.frames_per_second = 5});
    CHECK(doubles(read_png(folder / "a.png")) == doubles(frames.select(0, 0)));
    const std::string file = file_content(folder / "a.png");
    for (std::size_t t = 0; t < 4; ++t)
      CHECK(pixels_of(file, t) == pixels_of(encode_png(frames.select(0, static_cast<std::int64_t>(t)), "frame")));
    const std::vector<Chunk> chunks = chunks_of(file);
    CHECK(chunks[0].type == "IHDR");
    CHECK(chunks[1].type == "acTL");
    CHECK(number_at(chunks[1].content, 0) == 4);
    CHECK(number_at(chunks[1].content, 4) == 0);  // for ever
    CHECK(chunks.back().type == "IEND");
    std::uint32_t sequence = 0;
    for (const Chunk& c : chunks) {
      if (c.type == "fcTL" || c.type == "fdAT") CHECK(number_at(c.content, 0) == sequence++);
      if (c.type != "fcTL") continue;
      CHECK(number_at(c.content, 4) == 13);
      CHECK(number_at(c.content, 8) == 9);
      CHECK(c.content.substr(20, 4) == std::string("\0\1\0\5", 4));  // a fifth of a second
    }
    CHECK(sequence >= 7);
  }
}

TEST_CASE("a single frame is a PNG file, and what are no frames is refused") {
  TempFolder folder;
  const Tensor one = Rng(1).integers({1, 3, 4, 4}, 256).to(DType::uint8);
  write_animation(folder / "a.png", one);
  write_png(folder / "b.png", one.select(0, 0));
  CHECK(file_content(folder / "a.png") == file_content(folder / "b.png"));
  CHECK_THROWS_AS(write_animation(folder / "c.png", one.select(0, 0)), Error);
  CHECK_THROWS_AS(write_animation(folder / "c.png", one.expand({1, 3, 4, 4}).slice(1, 0, 2)), Error);
  CHECK_THROWS_AS(write_animation(folder / "c.png", one, {.frames_per_second = 0}), Error);
  CHECK_THROWS_AS(write_animation(folder / "none" / "c.png", one), Error);
  CHECK_FALSE(std::filesystem::exists(folder / "c.png"));
}
