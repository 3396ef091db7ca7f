// Resizing: PIL's results to the byte for every filter, layouts, sizes, misuse.
#include "duel/gan/data/resize.h"

#include <doctest/doctest.h>

#include "tests/gan/picture_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

struct Case {
  std::int64_t channels;
  Size2 from, to;
};
const Case kCases[] = {{3, {7, 5}, {4, 9}},     {3, {13, 17}, {29, 8}},  {1, {1, 1}, {5, 3}},
                       {3, {9, 11}, {1, 1}},    {3, {200, 3}, {3, 200}}, {1, {3, 200}, {200, 3}},
                       {3, {40, 50}, {40, 20}}, {4, {50, 40}, {21, 40}}, {1, {28, 28}, {32, 32}},
                       {3, {64, 63}, {63, 65}}, {2, {100, 37}, {6, 7}}};  // those of make_golden_transforms.py

std::string key_of(ResizeFilter filter, const Case& c) {
  return cat(to_text(filter), " ", c.channels, "x", to_text(c.from), " to ", to_text(c.to));
}

}  // namespace

TEST_CASE("resize: PIL's bytes, in every layout") {
  const Golden golden("resize", "transforms.json");
  for (const auto& [filter, name] : names_of(ResizeFilter{}))
    for (const Case& c : kCases) {
      const std::string key = key_of(filter, c);
      CAPTURE(key);
      const Tensor picture = random_picture(c.channels, c.from), resized = resize(picture, c.to, filter);
      CHECK(resized.shape() == Shape{c.channels, c.to.h, c.to.w});
      CHECK(resized.strides() == Shape{1, c.to.w * c.channels, c.channels});
      CHECK(doubles(picture_sample(resized)) == doubles(golden.tensor(key)));
      for (View view : kViews) CHECK(doubles(resize(as_view(picture, view), c.to, filter)) == doubles(resized));
    }
}

TEST_CASE("resize: floats as PIL's mode F has them") {
  const Golden golden("resize", "transforms.json");
  for (const auto& [filter, name] : names_of(ResizeFilter{}))
    for (const Case& c : kCases) {
      if (c.channels != 3) continue;
      const std::string key = key_of(filter, c) + " float";
      CAPTURE(key);
      const Tensor resized = resize(random_levels(c.channels, c.from).to(DType::float32), c.to, filter);
      CHECK(resized.dtype() == DType::float32);
      CHECK(difference(picture_sample(resized), golden.tensor(key)) <= tolerance::kRoundingsSingle);
    }
}

TEST_CASE("resize: a picture of that size is itself") {
  const Tensor picture = random_picture(3, {4, 5});
  for (const auto& [filter, name] : names_of(ResizeFilter{}))
    CHECK(resize(picture, {4, 5}, filter).data<std::uint8_t>() == picture.data<std::uint8_t>());
}

TEST_CASE("resize: one colour stays what it is") {
  for (const double level : {0., 1., 127., 254., 255.}) {
    const Tensor picture = Tensor::full({3, 11, 300}, level, {.dtype = DType::uint8});
    for (const auto& [filter, name] : names_of(ResizeFilter{}))
      for (const Size2 to : {Size2{1, 1}, Size2{23, 7}, Size2{5, 601}})
        for (const double v : doubles(resize(picture, to, filter))) REQUIRE(v == level);
  }
}

TEST_CASE("resize: misuse") {
  const Tensor picture = Tensor::zeros({3, 4, 5}, {.dtype = DType::uint8});
  const auto error = [](const Tensor& p, Size2 to) { return error_of([&] { resize(p, to, ResizeFilter::bicubic); }); };
  CHECK(error(picture, {0, 3}).find("0x3") != std::string::npos);
  CHECK(error(picture, {3, -1}).find("3x-1") != std::string::npos);
  CHECK(error(picture, {1, std::int64_t{1} << 40}).find("1048576") != std::string::npos);
  CHECK(error(Tensor(), {1, 1}).find("picture") != std::string::npos);
  CHECK(error(Tensor::zeros({3, 0, 5}, {.dtype = DType::uint8}), {1, 1}).find("[3, 0, 5]") != std::string::npos);
  CHECK(error(Tensor::zeros({4, 5}, {.dtype = DType::uint8}), {1, 1}).find("[4, 5]") != std::string::npos);
  CHECK(error(Tensor::zeros({3, 4, 5}, {.dtype = DType::int64}), {1, 1}).find("int64") != std::string::npos);
}
