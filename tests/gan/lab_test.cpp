// CIE Lab: skimage's numbers, there and back, colourisation's scales, layouts, colours that sRGB doesn't have, misuse.
#include "duel/gan/data/lab.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/gan/picture_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr double kGoldenLevels = 1e-8;  // the file has nine digits

Golden golden() { return Golden("lab", "transforms.json"); }
Tensor golden_pixels() { return golden().tensor("pixels").reshape({3, 6, 7}); }

// Every 5th of all colours, and the last: [3, 52, 2704].
Tensor many_colours() {
  std::vector<std::uint8_t> levels;
  for (int channel = 0; channel < 3; ++channel)
    for (int i = 0; i < 52 * 52 * 52; ++i)
      levels.push_back(static_cast<std::uint8_t>(5 * (channel == 0 ? i / 2704 : channel == 1 ? i / 52 % 52 : i % 52)));
  return Tensor::from(levels, {3, 52, 2704});
}

}  // namespace

TEST_CASE("lab: skimage's numbers") {
  const Tensor pixels = golden_pixels(), expected = golden().tensor("lab").reshape({3, 6, 7});
  const Tensor of_bytes = rgb_to_lab(pixels.to(DType::uint8));
  CHECK(of_bytes.dtype() == DType::float32);
  CHECK(difference(of_bytes, expected) <= tolerance::kRoundingsSingle);
  CHECK(difference(rgb_to_lab(pixels.to(DType::float32)), expected) <= tolerance::kRoundingsSingle);
  CHECK(rgb_to_lab(pixels).dtype() == DType::float64);
  CHECK(difference(rgb_to_lab(pixels), expected) <= kGoldenLevels);
}

TEST_CASE("lab: any numbers become colours, as skimage clips them") {
  const Tensor guess = Rng(2).uniform({3, 6, 7}, -1.2, 1.2, {.dtype = DType::float64});
  const Tensor expected = golden().tensor("guess").reshape({3, 6, 7});
  Tensor lab = Tensor::empty({3, 6, 7}, {.dtype = DType::float64});
  for (std::int64_t i = 0; i < lab.numel(); ++i) {
    const double v = guess.data<double>()[i];
    lab.mutable_data<double>()[i] = i < 42 ? (v + 1) * 50 : v * 110;
  }
  CHECK(difference(lab_to_rgb(lab), expected) <= kGoldenLevels);
  const Tensor bytes = colourised(guess.slice(0, 0, 1), guess.slice(0, 1, 3));
  const Tensor below = colourised(guess.slice(0, 0, 1), guess.slice(0, 1, 3), Rounding::truncate);
  for (std::int64_t i = 0; i < bytes.numel(); ++i) {
    CHECK(bytes.data<std::uint8_t>()[i] == std::lround(expected.data<double>()[i]));
    CHECK(below.data<std::uint8_t>()[i] == std::trunc(expected.data<double>()[i]));
  }
}

TEST_CASE("lab: there and back") {
  const Tensor colours = many_colours();
  CHECK(doubles(lab_to_rgb(rgb_to_lab(colours.to(DType::float64)))).size() ==
        static_cast<std::size_t>(colours.numel()));
  CHECK(difference(lab_to_rgb(rgb_to_lab(colours.to(DType::float64))), colours.to(DType::float64)) < 1e-4);
  const LightnessAndColours parts = lightness_and_colours(colours);
  CHECK(doubles(colourised(parts.lightness, parts.colours)) == doubles(colours));
}

TEST_CASE("lab: colourisation's scales, batches and layouts") {
  const Tensor pixels = golden_pixels().to(DType::uint8), lab = rgb_to_lab(pixels);
  const LightnessAndColours parts = lightness_and_colours(pixels);
  CHECK(parts.lightness.shape() == Shape{1, 6, 7});
  CHECK(parts.colours.shape() == Shape{2, 6, 7});
  const auto all = doubles(lab), lightness = doubles(parts.lightness), colours = doubles(parts.colours);
  for (std::size_t i = 0; i < 42; ++i) CHECK(std::abs(lightness[i] - (all[i] / 50 - 1)) < 1e-6);
  for (std::size_t i = 0; i < 84; ++i) CHECK(std::abs(colours[i] - all[42 + i] / 110) < 1e-6);

  Tensor batch = Tensor::empty({2, 3, 6, 7}, {.dtype = DType::uint8});
  batch.select(0, 0).fill_(200);
  batch.select(0, 1).copy_(pixels);
  const LightnessAndColours both = lightness_and_colours(batch);
  CHECK(both.lightness.shape() == Shape{2, 1, 6, 7});
  CHECK(doubles(both.colours.select(0, 1)) == colours);
  CHECK(doubles(colourised(both.lightness, both.colours)) == doubles(batch));
  for (View view : kViews) {
    CHECK(doubles(rgb_to_lab(as_view(pixels, view))) == all);
    CHECK(doubles(lab_to_rgb(as_view(lab, view))) == doubles(lab_to_rgb(lab)));
    CHECK(doubles(colourised(as_view(both.lightness, view), as_view(both.colours, view))) == doubles(batch));
  }
}

TEST_CASE("lab: what a broken network gives is shown, not refused") {
  for (const float v : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1e30f, 1e30f})
    CHECK(colourised(Tensor::full({1, 2, 2}, v), Tensor::full({2, 2, 2}, v)).shape() == Shape{3, 2, 2});
  CHECK(rgb_to_lab(Tensor::empty({0, 3, 2, 2})).shape() == Shape{0, 3, 2, 2});
}

TEST_CASE("lab: misuse") {
  CHECK(error_of([] { rgb_to_lab(Tensor::zeros({1, 4, 4})); }).find("[1, 4, 4]") != std::string::npos);
  CHECK(error_of([] { rgb_to_lab(Tensor()); }).find("rgb_to_lab") != std::string::npos);
  CHECK(error_of([] {
          lab_to_rgb(Tensor::zeros({3, 4, 4}, {.dtype = DType::uint8}));
        }).find("uint8") != std::string::npos);
  CHECK(error_of([] {
          lightness_and_colours(Tensor::zeros({3, 4, 4}, {.dtype = DType::int64}));
        }).find("int64") != std::string::npos);
  CHECK(error_of([] {
          colourised(Tensor::zeros({1, 4, 4}), Tensor::zeros({2, 4, 5}));
        }).find("[2, 4, 5]") != std::string::npos);
  CHECK(error_of([] {
          colourised(Tensor::zeros({1, 1, 4, 4}), Tensor::zeros({2, 4, 4}));
        }).find("colourised") != std::string::npos);
}
