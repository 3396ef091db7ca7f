// Augmentations: what PyTorch computes for the same drawings, finite differences, what is drawn and how often, odd
// sizes.
#include "duel/gan/augment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "tests/golden/losses.h"

using namespace duel;
using namespace duel::testing;

namespace {

const Shape kShapes[] = {{2, 2, 4, 12}, {3, 1, 9, 5}, {2, 3, 1, 1}};  // those of make_golden_augment.py
const char* const kPolicies[] = {"color", "translation,cutout", "cutout,color,translation"};

using Augmentation = std::function<Variable(const Variable&)>;

void check_against_golden(const std::string& name, const Shape& shape, const Augmentation& augment) {
  std::string sizes;
  for (int i = 0; i < 4; ++i) sizes += cat(i ? ", " : "", shape[i]);
  CAPTURE(name);
  CAPTURE(sizes);
  const Golden golden(cat(name, " [", sizes, "]"), "augment.json");
  const auto squared = [&](const Variables& v) { return square(augment(v[0])); };
  check_second_order(golden, "", squared, {numbers(shape, 1)});
  expect_gradients(name, squared, {numbers(shape, 1)});
  for (View view : kViews)
    CHECK(difference(augment(as_view(numbers(shape, 1), view)).value(), augment(numbers(shape, 1)).value()) <=
          tolerance::kLayout);
  CHECK(difference(augment(numbers(shape, 1).to(DType::float32)).value(), augment(numbers(shape, 1)).value()) <=
        tolerance::kSingle);
}

Tensor int64s(std::initializer_list<std::int64_t> values) {
  return Tensor::from<std::int64_t>(values, {static_cast<std::int64_t>(values.size())});
}

// How often each of the numbers from `low` on was drawn, by count.
std::vector<double> shares(const Tensor& drawn, std::int64_t low, std::int64_t count) {
  std::vector<double> share(static_cast<std::size_t>(count));
  for (double d : doubles(drawn)) share.at(static_cast<std::size_t>(d) - static_cast<std::size_t>(low)) += 1;
  for (double& s : share) s /= static_cast<double>(drawn.numel());
  return share;
}

void check_uniform_integers(const Tensor& drawn, std::int64_t low, std::int64_t count) {
  const double expected = 1 / static_cast<double>(count), n = static_cast<double>(drawn.numel());
  for (double share : shares(drawn, low, count))
    CHECK(std::abs(share - expected) < 5 * std::sqrt(expected * (1 - expected) / n));  // five standard errors
}

void check_uniform(const Tensor& drawn, double low, double high) {
  const std::vector<double> v = doubles(drawn);
  const auto [least, most] = std::minmax_element(v.begin(), v.end());
  double sum = 0;
  for (double x : v) sum += x;
  const double n = static_cast<double>(v.size()), deviation = (high - low) / std::sqrt(12);
  CHECK(*least >= low);
  CHECK(*least < low + 0.01 * (high - low));
  CHECK(*most < high);
  CHECK(*most > high - 0.01 * (high - low));
  CHECK(std::abs(sum / n - (low + high) / 2) < 5 * deviation / std::sqrt(n));
}

}  // namespace

TEST_CASE("DiffAugment is PyTorch's for the same drawings, gradients and double gradients too") {
  for (const Shape& shape : kShapes)
    for (const char* policy : kPolicies) {
      Rng rng(7);
      check_against_golden(policy, shape, draw_diff_augment(rng, policy, shape));
    }
}

TEST_CASE("flip and shift are PyTorch's for the same drawings") {
  for (const Shape& shape : kShapes) {
    Rng rng(7);
    check_against_golden("flip_and_shift", shape, draw_flip_and_shift(rng, shape));
  }
}

TEST_CASE("DiffAugment: each part by hand") {
  const Variable x = Tensor::from<double>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {1, 1, 3, 4});
  const auto apply = [&](DiffAugmentPart part, std::int64_t h, std::int64_t w) {
    DiffAugment drawn;
    drawn.policy = {part};
    drawn.translation = drawn.cutout = {.h = int64s({h}), .w = int64s({w})};
    return doubles(drawn(x).value());
  };
  using Values = std::vector<double>;
  CHECK(apply(DiffAugmentPart::translation, 1, -1) == Values{0, 5, 6, 7, 0, 9, 10, 11, 0, 0, 0, 0});
  CHECK(apply(DiffAugmentPart::translation, 0, 4) == Values(12));
  CHECK(apply(DiffAugmentPart::translation, -1000, 0) == Values(12));
  CHECK(apply(DiffAugmentPart::cutout, 0, 0) == Values{0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(apply(DiffAugmentPart::cutout, 2, 2) == Values{1, 2, 3, 4, 5, 0, 0, 8, 9, 0, 0, 12});
  CHECK(apply(DiffAugmentPart::cutout, 2, 4) == Values{1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 0});
  CHECK(apply(DiffAugmentPart::cutout, -50, 2) == doubles(x.value()));

  DiffAugment color;
  color.policy = {DiffAugmentPart::color};
  color.brightness = Tensor::from<double>({0.25}, {1});
  color.saturation = Tensor::from<double>({0.0}, {1});
  color.contrast = Tensor::from<double>({0.5}, {1});
  const Variable rgb =
      Tensor::from<double>({0, 1, 1, 2, 2, 3}, {1, 3, 1, 2});  // grey 1 and 2, which 1.25 and 2.25 become
  CHECK(difference(color(rgb).value(), Tensor::from<double>({1.5, 2, 1.5, 2, 1.5, 2}, {1, 3, 1, 2})) <=
        tolerance::kClosedForm);
}

TEST_CASE("flip and shift by hand: mirrored first, then reflected about the border pixels") {
  const Variable x = Tensor::from<double>({1, 2, 3, 4, 5, 6}, {1, 1, 2, 3});
  const auto apply = [&](std::int64_t flipped, std::int64_t h, std::int64_t w) {
    return doubles(FlipAndShift{int64s({flipped}), {int64s({h}), int64s({w})}}(x).value());
  };
  using Values = std::vector<double>;
  CHECK(apply(0, 0, 0) == doubles(x.value()));
  CHECK(apply(1, 0, 0) == Values{3, 2, 1, 6, 5, 4});
  CHECK(apply(0, 0, 2) == Values{3, 2, 1, 6, 5, 4});
  CHECK(apply(0, 1, -1) == Values{5, 4, 5, 2, 1, 2});
  CHECK(apply(1, 0, 1) == Values{2, 1, 2, 5, 4, 5});
}

TEST_CASE("what is drawn: ranges, frequencies, an empty policy, and the seed's own numbers") {
  Rng rng(1);
  const Shape shape{20000, 3, 20, 9};
  const DiffAugment drawn = draw_diff_augment(rng, "cutout,translation,color", shape);
  check_uniform(drawn.brightness, -0.5, 0.5);
  check_uniform(drawn.saturation, 0, 2);
  check_uniform(drawn.contrast, 0.5, 1.5);
  check_uniform_integers(drawn.translation.h, -3, 7);  // 20 / 8 = 2.5
  check_uniform_integers(drawn.translation.w, -1, 3);
  check_uniform_integers(drawn.cutout.h, 0, 21);  // a side of 10
  check_uniform_integers(drawn.cutout.w, 0, 9);   // one of 5
  const FlipAndShift moved = draw_flip_and_shift(rng, shape);
  check_uniform_integers(moved.flipped, 0, 2);
  check_uniform_integers(moved.shift.h, -2, 5);
  check_uniform_integers(moved.shift.w, -1, 3);

  Rng a(5), b(5);
  const Variable x = numbers({2, 3, 8, 8}, 1);
  CHECK(difference(draw_diff_augment(a, "color,cutout", x.shape())(x).value(),
                   draw_diff_augment(b, "color,cutout", x.shape())(x).value()) == 0);
  CHECK(a.counter() == b.counter());
  const std::uint64_t before = a.counter();
  CHECK(difference(draw_diff_augment(a, "", x.shape())(x).value(), x.value()) == 0);
  CHECK(a.counter() == before);
}

TEST_CASE("with a probability, each part leaves that part of the pictures as they are") {
  const Shape shape{4000, 1, 8, 8};
  const Variable x = numbers(shape, 1);
  const auto touched = [&](const Variable& y) {
    const Variable changed = amax(abs(y - x), {1, 2, 3});
    double count = 0;
    for (double c : doubles(changed.value())) count += c > tolerance::kLayout;
    return count / static_cast<double>(shape[0]);
  };
  // One translation in nine is by nothing; a cutout always shows.
  const std::pair<const char*, double> parts[] = {{"color", 1}, {"translation", 8.0 / 9}, {"cutout", 1}};
  for (double p : {0.0, 0.25, 0.8, 1.0}) {
    CAPTURE(p);
    const double margin = 5 * std::sqrt(p * (1 - p) / static_cast<double>(shape[0])) + (p > 0 ? 0.03 : 0);
    for (const auto& [part, share] : parts) {
      Rng rng(1);
      CHECK(std::abs(touched(draw_diff_augment(rng, part, shape, p)(x)) - share * p) <= margin);
    }
    Rng rng(2);
    const double still = (1 - p / 2) * (1 - p * 8 / 9);  // neither mirrored nor shifted
    CHECK(std::abs(touched(draw_flip_and_shift(rng, shape, p)(x)) - (1 - still)) <= margin + 0.03);
  }
  Rng a(3), b(3);  // each part's draws are its own
  const DiffAugment drawn = draw_diff_augment(a, "color,translation", shape, 0.5);
  double both = 0;
  for (std::int64_t n = 0; n < shape[0]; ++n)
    both += drawn.brightness.select(0, n).item() != 0 && drawn.translation.h.select(0, n).item() != 0;
  CHECK(both / static_cast<double>(shape[0]) == doctest::Approx(0.5 * 0.5 * 2 / 3).epsilon(0.2));
  CHECK(difference(drawn(x).value(), draw_diff_augment(b, "color,translation", shape, 0.5)(x).value()) == 0);

  Rng rng(4);
  const DiffAugment some = draw_diff_augment(rng, "color,translation,cutout", {3, 2, 4, 5}, 0.5);
  expect_gradients("some", [&](const Variables& v) { return square(some(v[0])); }, {numbers({3, 2, 4, 5}, 1)});
  for (double p : {-0.1, 1.1, static_cast<double>(NAN)}) {
    CHECK(error_of([&] { draw_diff_augment(rng, "color", shape, p); }).starts_with("draw_diff_augment: the probab"));
    CHECK(error_of([&] { draw_flip_and_shift(rng, shape, p); }).starts_with("draw_flip_and_shift: the probab"));
  }
  for (const Tensor& p : {Tensor(), Tensor::zeros({1}), Tensor::zeros({2}, {.dtype = DType::float64})})
    CHECK(error_of([&] {
            draw_diff_augment(rng, "color", shape, p, Device::cpu);
          }).starts_with("draw_diff_augment: a probability"));
}

TEST_CASE("pictures of any size, none too, and one drawing for two batches") {
  for (const Shape& shape : {Shape{1, 1, 1, 1}, {3, 1, 1, 7}, {2, 5, 6, 1}, {1, 2, 7, 3}, {0, 3, 4, 4}}) {
    CAPTURE(shape);
    Rng rng(2);
    const DiffAugment drawn = draw_diff_augment(rng, "color,translation,cutout", shape);
    const FlipAndShift moved = draw_flip_and_shift(rng, shape);
    const Variable a = numbers(shape, 1), b = numbers(shape, 2);
    CHECK(drawn(a).shape() == shape);
    CHECK(moved(a).shape() == shape);
    // Both are affine: equal drawings cancel what is added, brightness.
    CHECK(difference((drawn(a) - drawn(b)).value(), (drawn(a - b) - drawn(0 * a)).value()) <= tolerance::kLayout);
    CHECK(difference((moved(a) - moved(b)).value(), moved(a - b).value()) == 0);
  }
}

TEST_CASE("policies by name") {
  using enum DiffAugmentPart;
  CHECK(diff_augment_policy("color,translation,cutout") == std::vector{color, translation, cutout});
  CHECK(diff_augment_policy("cutout") == std::vector{cutout});
  CHECK(diff_augment_policy("").empty());
  CHECK(error_of([] { diff_augment_policy("colour"); }) ==
        "diff_augment_policy: unknown part 'colour'; known: color, translation, cutout");
  CHECK(error_of([] { diff_augment_policy("color,cutout,color"); }) ==
        "diff_augment_policy: the part 'color' is named twice");
  for (const char* text : {",", "color,", ",color", "color,,cutout", "color, cutout"})
    CHECK_MESSAGE(error_of([&] { diff_augment_policy(text); }).starts_with("diff_augment_policy: "), text);
}

TEST_CASE("augmentations refuse what is no picture, and drawings for other pictures") {
  Rng rng(1);
  const Variable x = numbers({2, 3, 8, 8}, 1);
  for (const Shape& shape : {Shape{}, {2, 3, 8}, {2, 3, 0, 8}, {2, 3, 8, 0}}) {
    CHECK(error_of([&] { draw_diff_augment(rng, "color", shape); }).starts_with("draw_diff_augment: needs the shape"));
    CHECK(error_of([&] { draw_flip_and_shift(rng, shape); }).starts_with("draw_flip_and_shift: needs the shape"));
  }
  for (const char* policy : {"color", "translation", "cutout"}) {
    const DiffAugment drawn = draw_diff_augment(rng, policy, x.shape());
    const auto starts = [&](const Variable& pictures) {
      return error_of([&] { drawn(pictures); }).starts_with("DiffAugment: ");
    };
    CHECK(starts({}));
    CHECK(starts(numbers({2, 3, 8}, 1)));
    CHECK(starts(numbers({3, 3, 8, 8}, 1)));
    CHECK(starts(Tensor::zeros({2, 3, 8, 8}, {.dtype = DType::int64})));
  }
  DiffAugment bare;
  bare.policy = diff_augment_policy("color,translation,cutout");
  CHECK(error_of([&] { bare(x); }).starts_with("DiffAugment: "));
  const FlipAndShift far{int64s({0, 0}), {int64s({0, 8}), int64s({0, 0})}};
  CHECK(error_of([&] { far(x); }) == "FlipAndShift: the offset 8 of picture 1 is more than 7 pixels");
  const FlipAndShift few{int64s({0}), {int64s({0}), int64s({0})}};
  CHECK(error_of([&] { few(x); }).starts_with("FlipAndShift: pictures"));
}

TEST_CASE("perturbed latents: of their shape and dtype, as far away as asked") {
  Rng rng(3);
  const Variable z = Variable::leaf(numbers({200, 100}, 1));
  const Variable noise = perturb_latents(rng, z) - z;
  CHECK(std::abs(mean(noise).item()) < 5 * 0.03 / std::sqrt(20000.0));
  CHECK(stddev(noise, {0, 1}).item() == doctest::Approx(0.03).epsilon(0.03));
  CHECK(stddev(perturb_latents(rng, z, 0.5) - z, {0, 1}).item() == doctest::Approx(0.5).epsilon(0.03));
  CHECK(difference(perturb_latents(rng, z, 0).value(), z.value()) == 0);
  CHECK(perturb_latents(rng, z.value().to(DType::float32)).dtype() == DType::float32);
  CHECK(grad(sum(perturb_latents(rng, z)), {z})[0].value().to(DType::float64).numel() == z.numel());
  CHECK(error_of([&] { perturb_latents(rng, {}); }).starts_with("perturb_latents: "));
  CHECK(error_of([&] { perturb_latents(rng, z, -1); }).starts_with("perturb_latents: the deviation"));
  CHECK(error_of([&] { perturb_latents(rng, z, NAN); }).starts_with("perturb_latents: the deviation"));
}

// As recorded steps draw.
TEST_CASE("drawings from a stream whose seed lies where it draws are those of the seed") {
  const Shape shape{20, 3, 12, 7};
  for (const double probability : {1.0, 0.4}) {
    Rng host(7), device(Tensor::from<std::int64_t>({7}, {1}));
    const DiffAugment a = draw_diff_augment(host, "color,translation,cutout", shape, probability),
                      b = draw_diff_augment(device, "color,translation,cutout", shape, probability);
    const FlipAndShift f = draw_flip_and_shift(host, shape, probability),
                       g = draw_flip_and_shift(device, shape, probability);
    CHECK(doubles(a.brightness) == doubles(b.brightness));
    CHECK(doubles(a.translation.h) == doubles(b.translation.h));
    CHECK(doubles(a.cutout.w) == doubles(b.cutout.w));
    CHECK(doubles(f.flipped) == doubles(g.flipped));
    CHECK(doubles(f.shift.w) == doubles(g.shift.w));
    CHECK(host.counter() == device.counter());
  }
}
