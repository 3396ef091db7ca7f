// Noise, truncated in each style, and ways between latents.
#include "duel/gan/latents.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

std::vector<double> drawn(const LatentOptions& options, std::int64_t count = 20000) {
  Rng rng(3);
  return doubles(draw_latents(rng, {count / 100, 100}, options));
}

double deviation(const std::vector<double>& values) {
  double squares = 0;
  for (const double v : values) squares += v * v;
  return std::sqrt(squares / static_cast<double>(values.size()));
}

double largest(const std::vector<double>& values) {
  double found = 0;
  for (const double v : values) found = std::max(found, std::abs(v));
  return found;
}

// Of N(0, 1) cut off at +-t.
double cut_deviation(double t) {
  const double density = std::exp(-t * t / 2) / std::sqrt(2 * M_PI), inside = std::erf(t / std::sqrt(2.0));
  return std::sqrt(1 - 2 * t * density / inside);
}

}  // namespace

TEST_CASE("noise without truncation is the stream's, times the scale") {
  Rng rng(3);
  const std::vector<double> plain = doubles(rng.normal({200, 100})), twice = drawn({.scale = 2});
  CHECK(drawn({}) == plain);
  for (std::size_t i = 0; i < plain.size(); ++i) REQUIRE(twice[i] == doctest::Approx(2 * plain[i]));
}

TEST_CASE("resampling gives the truncated normal distribution, and leaves alone what lies inside") {
  const std::vector<double> plain = drawn({});
  for (const double t : {0.05, 0.5, 1.0, 2.0}) {
    const std::vector<double> cut = drawn({.truncation = t});
    CHECK(largest(cut) <= static_cast<double>(static_cast<float>(t)));
    CHECK(deviation(cut) == doctest::Approx(cut_deviation(t)).epsilon(0.02));
    for (std::size_t i = 0; i < plain.size(); ++i)
      if (std::abs(plain[i]) < t) REQUIRE(cut[i] == plain[i]);
  }
}

TEST_CASE("the published modules cut at 2 and then scale; a plain scale cuts nothing") {
  const std::vector<double> at_two = drawn({.truncation = 2}), plain = drawn({});
  const std::vector<double> hub = drawn({.truncation = 0.5, .style = TruncationStyle::hub});
  const std::vector<double> scaled = drawn({.truncation = 0.5, .style = TruncationStyle::scale});
  for (std::size_t i = 0; i < plain.size(); ++i) {
    REQUIRE(hub[i] == doctest::Approx(at_two[i] / 2));
    REQUIRE(scaled[i] == doctest::Approx(plain[i] / 2));
  }
  const std::vector<double> both = drawn({.scale = 3, .truncation = 0.5, .style = TruncationStyle::hub});
  CHECK(both[7] == doctest::Approx(3 * hub[7]));
}

TEST_CASE("noise that can't be is refused") {
  Rng rng(0);
  for (const LatentOptions& wrong :
       {LatentOptions{.scale = 0}, LatentOptions{.scale = -1}, LatentOptions{.truncation = -1},
        LatentOptions{.truncation = 1e-3}, LatentOptions{.scale = std::nan("")}, LatentOptions{.truncation = INFINITY}})
    CHECK_THROWS_AS(draw_latents(rng, {2, 2}, wrong), Error);
  CHECK_NOTHROW(draw_latents(rng, {2, 2}, {.truncation = 1e-3, .style = TruncationStyle::hub}));
}

TEST_CASE("ways between latents begin and end where they should, and the sphere's keep their lengths") {
  Rng rng(5);
  const Tensor a = rng.normal({3, 64}), b = rng.normal({3, 64});
  for (const Path path : {Path::lerp, Path::slerp}) {
    CHECK(doubles(between(a, b, 0, path)) == doubles(a));
    const std::vector<double> end = doubles(between(a, b, 1, path)), wanted = doubles(b);
    for (std::size_t i = 0; i < end.size(); ++i) REQUIRE(end[i] == doctest::Approx(wanted[i]).epsilon(1e-6));
  }
  const Tensor x = Tensor::from({1.F, 0.F}, {1, 2}), y = Tensor::from({0.F, 1.F}, {1, 2});
  CHECK(doubles(between(x, y, 0.5, Path::lerp)) == std::vector<double>{0.5, 0.5});
  const std::vector<double> third = doubles(between(x, y, 1.0 / 3, Path::slerp));
  CHECK(third[0] == doctest::Approx(std::cos(M_PI / 6)));
  CHECK(third[1] == doctest::Approx(std::sin(M_PI / 6)));
}

TEST_CASE("where the sphere has no way of its own, it is the straight one") {
  const Tensor x = Tensor::from({1.F, 0.F}, {1, 2}), longer = Tensor::from({3.F, 0.F}, {1, 2});
  const Tensor back = Tensor::from({-1.F, 0.F}, {1, 2}), zero = Tensor::zeros({1, 2});
  CHECK(doubles(between(x, longer, 0.5, Path::slerp)) == std::vector<double>{2, 0});
  CHECK(doubles(between(x, back, 0.5, Path::slerp)) == std::vector<double>{0, 0});
  CHECK(doubles(between(zero, x, 0.5, Path::slerp)) == std::vector<double>{0.5, 0});
  CHECK_THROWS_AS(between(x, Tensor::zeros({2, 2}), 0.5, Path::lerp), Error);
}
