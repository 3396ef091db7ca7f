// Transforms: what PIL makes of the same policies and draws, pairs, how often pictures are flipped, channels, misuse.
#include "duel/gan/data/transform.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/gan/picture_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

const Size2 kSizes[] = {{24, 31}, {37, 18}, {19, 20}, {22, 22}};  // those of make_golden_transforms.py

TransformOptions golden_options(Preprocess preprocess, int turn) {
  return {.channels = turn == 1 ? 1 : 0,
          .pad = preprocess == Preprocess::pad_and_crop ? 3 : turn,
          .preprocess = preprocess,
          .multiple = 4,
          .load_size = {20, 20},
          .crop_size = {16, 16},
          .flip = Flip::horizontal};
}

Tensor transformed(const TransformOptions& options, const Tensor& picture, std::uint64_t seed = 1) {
  Rng draws(seed);
  return transform(options, {picture}, draws).picture;
}

std::string error_of_transform(const TransformOptions& options, const Tensor& picture, const Tensor& target = {}) {
  Rng draws(1);
  return error_of([&] { transform(options, {picture, target}, draws); });
}
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Pixel (y, x) of one channel is 16 y + x.
Tensor coordinates(Size2 size) {
  Tensor picture = Tensor::empty({1, size.h, size.w}, {.dtype = DType::uint8});
  for (std::int64_t i = 0; i < picture.numel(); ++i)
    picture.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(16 * (i / size.w) + i % size.w);
  return picture;
}

}  // namespace

TEST_CASE("transform: every policy as in PIL, with the same draws, in every layout") {
  const Golden golden("transform", "transforms.json");
  for (const auto& [preprocess, name] : names_of(Preprocess{}))
    for (const Size2 size : kSizes) {
      Rng draws(7);
      for (int turn = 0; turn < 3; ++turn) {
        const std::string key = cat(name, " ", to_text(size), " turn ", turn);
        CAPTURE(key);
        const TransformOptions options = golden_options(preprocess, turn);
        const Tensor picture = random_picture(3, size);
        const Rng before = draws;
        const Tensor result = transform(options, {picture}, draws).picture;
        CHECK(doubles(golden.tensor(key + " size")) ==
              std::vector{static_cast<double>(result.size(1)), static_cast<double>(result.size(2))});
        CHECK(doubles(picture_sample(result)) == doubles(golden.tensor(key)));
        CHECK(result.strides() == Shape{1, result.size(2) * result.size(0), result.size(0)});
        for (View view : kViews) {
          Rng again = before;
          CHECK(doubles(transform(options, {as_view(picture, view)}, again).picture) == doubles(result));
        }
      }
    }
}

TEST_CASE("transform: by default nothing changes") {
  const Tensor picture = random_picture(3, {5, 7});
  Rng draws(1);
  const Example same = transform({}, {picture, random_picture(1, {3, 2})}, draws);
  CHECK(doubles(same.picture) == doubles(picture));
  CHECK(doubles(same.target) == doubles(random_picture(1, {3, 2})));
  CHECK(draws.counter() == 0);
}

TEST_CASE("transform: sizes that are not square") {
  const Tensor wide = random_picture(3, {30, 50}), high = random_picture(3, {50, 30});
  TransformOptions o{.load_size = {12, 18}, .crop_size = {10, 14}};
  const auto size = [&](Preprocess preprocess, const Tensor& picture) {
    o.preprocess = preprocess;
    const Tensor result = transformed(o, picture);
    return Size2{result.size(1), result.size(2)};
  };
  for (const Preprocess p :
       {Preprocess::resize, Preprocess::center_crop, Preprocess::random_crop, Preprocess::fit_and_pad})
    for (const Tensor& picture : {wide, high}) CHECK(size(p, picture) == o.load_size);
  for (const Preprocess p :
       {Preprocess::resize_and_crop, Preprocess::crop, Preprocess::scale_width_and_crop, Preprocess::cover_and_crop})
    for (const Tensor& picture : {wide, high}) CHECK(size(p, picture) == o.crop_size);
  CHECK(size(Preprocess::scale_width, wide) == Size2{10, 18});
  CHECK(size(Preprocess::scale_width, high) == Size2{30, 18});
  CHECK(size(Preprocess::none, high) == Size2{50, 30});
}

TEST_CASE("transform: a centred crop has the proportions of load_size") {
  const TransformOptions o{
      .preprocess = Preprocess::center_crop, .load_size = {6, 12}, .filter = ResizeFilter::nearest};
  CHECK(doubles(transformed(o, coordinates({10, 12}))) == doubles(coordinates({10, 12}).slice(1, 2, 8)));
}

TEST_CASE("transform: the middle of black") {
  const TransformOptions o{.preprocess = Preprocess::fit_and_pad, .load_size = {6, 4}};
  const Tensor fitted = transformed(o, Tensor::full({1, 2, 4}, 9, {.dtype = DType::uint8}));
  CHECK(doubles(fitted.slice(1, 2, 4)) == std::vector<double>(8, 9));
  CHECK(doubles(fitted.slice(1, 0, 2)) == std::vector<double>(8, 0));
  CHECK(doubles(fitted.slice(1, 4, 6)) == std::vector<double>(8, 0));
  CHECK(transformed({.pad = 2}, Tensor::full({1, 28, 28}, 1, {.dtype = DType::uint8})).shape() == Shape{1, 32, 32});
}

TEST_CASE("transform: crops lie everywhere") {
  const TransformOptions o{.preprocess = Preprocess::crop, .crop_size = {4, 3}};
  Rng draws(3);
  std::set<double> corners;
  for (int i = 0; i < 400; ++i)
    corners.insert(doubles(transform(o, {coordinates({6, 6})}, draws).picture.slice(1, 0, 1).slice(2, 0, 1))[0]);
  CHECK(corners == std::set<double>{0, 1, 2, 3, 16, 17, 18, 19, 32, 33, 34, 35});
}

TEST_CASE("transform: half of the pictures are flipped") {
  const Tensor picture = Tensor::from<std::uint8_t>({1, 2}, {1, 1, 2});
  Rng draws(5);
  int flipped = 0;
  constexpr int kTimes = 2000;
  for (int i = 0; i < kTimes; ++i) {
    const auto seen = doubles(transform({.flip = Flip::horizontal}, {picture}, draws).picture);
    REQUIRE((seen == std::vector<double>{1, 2} || seen == std::vector<double>{2, 1}));
    flipped += seen[0] == 2;
  }
  CHECK(std::abs(flipped - kTimes / 2) < 5 * std::sqrt(kTimes / 4.));  // five standard errors
}

TEST_CASE("transform: pairs are cropped and flipped alike, or independently") {
  TransformOptions o{.preprocess = Preprocess::crop, .crop_size = {5, 5}, .flip = Flip::horizontal};
  const Tensor picture = coordinates({12, 12});
  Rng draws(11);
  for (int i = 0; i < 20; ++i) {
    const Example pair = transform(o, {picture, picture}, draws);
    REQUIRE(doubles(pair.picture) == doubles(pair.target));
  }
  o.pair_draws = PairDraws::independent;
  int equal = 0;
  for (int i = 0; i < 20; ++i) {
    Rng alone = draws;
    const Example pair = transform(o, {picture, picture}, draws);
    CHECK(doubles(transform(o, {picture}, alone).picture) == doubles(pair.picture));
    CHECK(doubles(transform(o, {picture}, alone).picture) == doubles(pair.target));
    CHECK(alone.counter() == draws.counter());
    equal += doubles(pair.picture) == doubles(pair.target);
  }
  CHECK(equal < 3);
}

TEST_CASE("transform: pairs of different sizes") {
  const Tensor small = random_picture(3, {20, 20}), large = random_picture(1, {40, 30});
  TransformOptions o{.target_channels = 3, .load_size = {16, 16}, .crop_size = {8, 8}};
  Rng draws(1);
  CHECK(transform(o, {small, large}, draws).target.shape() == Shape{3, 40, 30});
  o.preprocess = Preprocess::resize_and_crop;
  CHECK(transform(o, {small, large}, draws).target.shape() == Shape{3, 8, 8});
  o.preprocess = Preprocess::crop;
  CHECK(contains(error_of_transform(o, small, large), "20x20 and 40x30"));
  o.pair_draws = PairDraws::independent;
  CHECK(transform(o, {small, large}, draws).target.shape() == Shape{3, 8, 8});
}

TEST_CASE("transform: grey by PIL's rule, and repeated") {
  const Tensor colours =
      Tensor::from<std::uint8_t>({255, 0, 0, 255, 10, 0, 255, 0, 255, 20, 0, 0, 255, 255, 31}, {3, 1, 5});
  const Tensor grey = transformed({.channels = 1}, colours);
  CHECK(doubles(grey) == std::vector<double>{76, 150, 29, 255, 18});  // im.convert("L")
  const auto bytes = doubles(grey), floats = doubles(transformed({.channels = 1}, colours.to(DType::float32)));
  for (std::size_t i = 0; i < bytes.size(); ++i) CHECK(std::abs(floats[i] - bytes[i]) <= 0.5);
  const Tensor three = transformed({.channels = 3}, grey);
  CHECK(three.shape() == Shape{3, 1, 5});
  for (int c = 0; c < 3; ++c) CHECK(doubles(three.select(0, c)) == doubles(grey));
  CHECK(contains(error_of_transform({.channels = 1}, random_picture(4, {2, 2})), "has 4"));
  CHECK(contains(error_of_transform({.channels = 3}, random_picture(2, {2, 2})), "has 2"));
}

TEST_CASE("transform: floats keep their type and scale") {
  const TransformOptions o{
      .channels = 3, .pad = 1, .preprocess = Preprocess::resize_and_crop, .load_size = {9, 9}, .crop_size = {7, 8}};
  const Tensor picture = random_picture(1, {5, 6});
  const Tensor floats = transformed(o, picture.to(DType::float32)), bytes = transformed(o, picture);
  CHECK(floats.dtype() == DType::float32);
  CHECK(floats.shape() == Shape{3, 7, 8});
  // Beside the rounding, bytes lose what overshoots.
  const auto a = doubles(floats), b = doubles(bytes);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(std::clamp(a[i], 0., 255.) - b[i]) < 12);
}

TEST_CASE("transform: misuse") {
  const Tensor picture = random_picture(3, {20, 30});
  const auto error = [&](const TransformOptions& o) { return error_of_transform(o, picture); };
  const std::string large = error({.preprocess = Preprocess::crop, .crop_size = {16, 64}});
  CHECK(contains(large, "16x64"));
  CHECK(contains(large, "20x30"));
  CHECK(contains(large, "crop_size"));
  CHECK(contains(error({.preprocess = Preprocess::resize_and_crop, .load_size = {64, 64}}), "load_size 64x64"));
  CHECK(contains(error({.preprocess = Preprocess::cover_and_crop, .load_size = {64, 64}}), "load_size 64x64"));
  CHECK(contains(error({.preprocess = Preprocess::scale_width_and_crop, .load_size = {64, 64}}), "load_size 64x64"));
  CHECK(contains(error({.preprocess = Preprocess::pad_and_crop}), "pad"));
  CHECK(contains(error({.pad = -1}), "pad"));
  CHECK(contains(error({.multiple = 0}), "multiple"));
  CHECK(contains(error({.channels = 2}), "channels"));
  CHECK(contains(error({.load_size = {0, 5}}), "load_size"));
  CHECK(contains(error({.crop_size = {5, std::int64_t{1} << 40}}), "crop_size"));
  CHECK(contains(error_of_transform({}, Tensor()), "picture"));
  CHECK(contains(error_of_transform({}, Tensor::zeros({3, 4}, {.dtype = DType::uint8})), "[3, 4]"));
  CHECK(contains(error_of_transform({}, picture, Tensor::zeros({3, 4, 4}, {.dtype = DType::int64})), "int64"));
}
