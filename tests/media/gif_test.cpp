// Animated GIF files, frame by frame, and palettes.
#include "duel/gan/media/gif.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "duel/gan/media/animation.h"
#include "duel/gan/media/palette.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

bool built_without(const Tensor& frames) {
  return error_of([&] { encode_gif(frames, 10, "it"); }).find("built without") != std::string::npos;
}

// A file of each frame alone: what comes before the first frame's control block, that frame, and the end.
std::vector<std::string> frames_of(const std::string& file) {
  const std::string control = "\x21\xf9\x04", head = file.substr(0, file.find(control));
  std::vector<std::string> frames;
  for (std::size_t at = head.size(); at != file.npos;) {
    const std::size_t next = file.find(control, at + control.size());
    frames.push_back(head + file.substr(at, next == file.npos ? next : next - at) + (next == file.npos ? "" : ";"));
    at = next;
  }
  return frames;
}

Tensor random_frames(const Shape& shape, std::int64_t below) { return Rng(1).integers(shape, below).to(DType::uint8); }

}  // namespace

TEST_CASE("gif: every frame in order, for as long as was asked, and again for ever") {
  const TempFolder folder;
  for (const std::int64_t channels : {1, 3}) {
    const Tensor frames = random_frames({4, channels, 9, 13}, channels == 1 ? 256 : 6);  // of up to 256 colours
    if (built_without(frames)) continue;
    write_animation(folder / "a.gif", frames, {.frames_per_second = 8});
    const std::string file = file_content(folder / "a.gif");
    CHECK(file.starts_with("GIF89a"));
    CHECK(file.find(std::string("NETSCAPE2.0\3\1\0\0\0", 16)) != file.npos);
    const std::vector<std::string> single = frames_of(file);
    REQUIRE(single.size() == 4);
    for (std::size_t t = 0; t < 4; ++t) {
      const Tensor frame = decode_picture(single[t], "frame");
      CHECK(doubles(frame) == doubles(frames.select(0, static_cast<std::int64_t>(t))));
      CHECK(single[t].find(std::string("\x21\xf9\x04\x04\x0d\0", 6)) != file.npos);  // 0.13 s of 0.125
    }
    CHECK(doubles(read_picture(folder / "a.gif")) == doubles(frames.select(0, 0)));
    write_animation(folder / "fast.gif", frames, {.frames_per_second = 100});
    CHECK(file_content(folder / "fast.gif").find(std::string("\x21\xf9\x04\x04\x02\0", 6)) != file.npos);
  }
}

TEST_CASE("gif: one frame is a still picture, and what are no frames is refused") {
  const TempFolder folder;
  const Tensor one = random_frames({1, 3, 2, 4}, 256);
  if (built_without(one)) return;
  const std::string file = encode_gif(one, 10, "it");
  CHECK(file.find("NETSCAPE") == file.npos);
  CHECK(doubles(decode_picture(file, "it")) == doubles(one.select(0, 0)));
  CHECK_THROWS_AS(write_animation(folder / "c.gif", one.select(0, 0)), Error);
  CHECK_THROWS_AS(write_animation(folder / "c.gif", one.slice(1, 0, 2)), Error);
  CHECK_THROWS_AS(write_animation(folder / "c.gif", Tensor::zeros({1, 1, 1, 65536}, {.dtype = DType::uint8})), Error);
  CHECK(folder.entries() == 0);
}

TEST_CASE("palette: the pictures' own colours while they fit, else near ones") {
  const Tensor grey = random_frames({3, 1, 20, 20}, 256);
  const Indexed all_grey = quantized(grey);
  CHECK(all_grey.palette.size() <= 256);
  std::vector<double> seen;
  for (const std::uint8_t i : all_grey.pixels) {
    seen.push_back(all_grey.palette[i][0]);
    CHECK((all_grey.palette[i][1] == seen.back() && all_grey.palette[i][2] == seen.back()));
  }
  CHECK(seen == doubles(grey));

  CHECK(quantized(Tensor::full({2, 3, 5, 5}, 7, {.dtype = DType::uint8})).palette.size() == 1);

  // Colours without any order are the hardest: 256 boxes of a cube have sides of a sixth of its.
  const Tensor noise = random_frames({2, 3, 40, 50}, 256);
  const Indexed few = quantized(noise);
  CHECK(few.palette.size() == 256);
  const std::vector<double> values = doubles(noise.permute({0, 2, 3, 1}));
  REQUIRE(few.pixels.size() * 3 == values.size());
  double squares = 0;
  for (std::size_t i = 0; i < few.pixels.size(); ++i)
    for (std::size_t c = 0; c < 3; ++c) squares += std::pow(few.palette[few.pixels[i]][c] - values[3 * i + c], 2);
  CHECK(std::sqrt(squares / static_cast<double>(values.size())) < 256 / 6.3 / std::sqrt(12) * 1.3);
  CHECK(quantized(noise).pixels == few.pixels);
  CHECK_THROWS_AS(quantized(noise.slice(1, 0, 2)), Error);
}
