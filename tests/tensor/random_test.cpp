#include <doctest/doctest.h>

#include <numbers>

#include "duel/tensor/philox.h"
#include "duel/tensor/rng.h"
#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

std::uint32_t word(std::uint64_t seed, std::uint64_t counter, std::size_t i) {
  return philox(seed, counter + i / 4).w[i % 4];
}

}  // namespace

// The known answers that come with the authors' Random123 library (kat_vectors, philox4x32 10).
TEST_CASE("philox: known answers") {
  const auto is = [](const PhiloxBlock& b, std::uint32_t w0, std::uint32_t w1, std::uint32_t w2, std::uint32_t w3) {
    return b.w[0] == w0 && b.w[1] == w1 && b.w[2] == w2 && b.w[3] == w3;
  };
  CHECK(is(philox(0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  CHECK(is(philox(~0ull, ~0ull, ~0ull), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  CHECK(is(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e), 0xd16cfe09, 0x94fdcceb, 0x5001e420,
           0x24126ea1));
}

TEST_CASE("uniform: the words of the stream, in row-major order whatever the layout") {
  constexpr std::uint64_t seed = 0x123456789abcdef, counter = 0xfffffffe;  // the counter carries into its upper half
  for (const Shape& shape : odd_shapes()) {
    CAPTURE(shape);
    const auto n = static_cast<std::size_t>(shape.numel());
    std::vector<double> expected32, expected64;
    for (std::size_t i = 0; i < n; ++i) {
      expected32.push_back((word(seed, counter, i) >> 8) * 0x1p-24f * 4.0f - 1.0f);
      expected64.push_back(word(seed, counter, i) * 0x1p-32 * 4.0 - 1.0);
    }
    for (Layout layout : {Layout::row_major, Layout::channels_last}) {
      const Tensor y32 = Tensor::empty(shape, {.layout = layout});
      const Tensor y64 = Tensor::empty(shape, {.dtype = DType::float64, .layout = layout});
      cpu().uniform(y32, {seed, counter}, -1, 3);
      cpu().uniform(y64, {seed, counter}, -1, 3);
      CHECK(values(y32) == expected32);
      CHECK(values(y64) == expected64);
    }
  }
}

TEST_CASE("uniform: never the upper end") {
  const Tensor y = Tensor::empty({100000});
  cpu().uniform(y, {1, 0}, 1e6, 1e6 + 0.125);  // neighbouring floats are 0.0625 apart
  for (double v : values(y)) REQUIRE((v == 1e6 || v == 1e6 + 0.0625));
  cpu().uniform(y, {1, 0}, 2, 2);
  CHECK(values(y)[0] == 2);
}

TEST_CASE("normal: Box and Muller on pairs of words") {
  constexpr std::uint64_t seed = 42, counter = 5;
  for (const Shape& shape : odd_shapes()) {
    CAPTURE(shape);
    std::vector<double> expected;
    for (std::size_t i = 0; i < static_cast<std::size_t>(shape.numel()); ++i) {
      const std::size_t pair = i / 2 * 2;
      const double radius = std::sqrt(-2 * std::log((word(seed, counter, pair) + 0.5) / 4294967296.0));
      const double angle = 2 * std::numbers::pi * word(seed, counter, pair + 1) / 4294967296.0;
      expected.push_back(0.5 + 2 * radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle)));
    }
    for (DType dtype : {DType::float32, DType::float64})
      for (Layout layout : {Layout::row_major, Layout::channels_last}) {
        const Tensor y = Tensor::empty(shape, {.dtype = dtype, .layout = layout});
        cpu().normal(y, {seed, counter}, 0.5, 2);
        CHECK(distance(values(y), expected) <= roundings(dtype));
      }
  }
}

TEST_CASE("normal, uniform: an element's bits do not depend on how many are drawn") {
  const Tensor whole = Tensor::empty({300}), uniform = Tensor::empty({300});
  cpu().normal(whole, {4, 1}, 0, 1);
  cpu().uniform(uniform, {4, 1}, -1, 1);
  for (std::int64_t n = 1; n < 300; n += 7) {
    const Tensor y = Tensor::empty({n});
    cpu().normal(y, {4, 1}, 0, 1);
    CHECK(same_bits(y, whole.slice(0, 0, n)));
    cpu().uniform(y, {4, 1}, -1, 1);
    CHECK(same_bits(y, uniform.slice(0, 0, n)));
  }
}

TEST_CASE("normal, uniform: moments") {
  constexpr std::int64_t n = 400'000;
  const auto moment = [](const Tensor& t, int power) {
    double total = 0;
    for (double v : values(t)) total += std::pow(v, power);
    return total / static_cast<double>(n);
  };
  const Tensor y = Tensor::empty({n});
  cpu().normal(y, {7, 0}, 0, 1);
  CHECK(std::fabs(moment(y, 1)) < 0.008);  // five standard errors, here and below
  CHECK(std::fabs(moment(y, 2) - 1) < 0.012);
  CHECK(std::fabs(moment(y, 4) - 3) < 0.08);
  cpu().uniform(y, {7, 0}, 0, 1);
  CHECK(std::fabs(moment(y, 1) - 0.5) < 0.0023);
  CHECK(std::fabs(moment(y, 2) - 1.0 / 3) < 0.0024);
}

TEST_CASE("normal: the same bits for any number of threads") {
  CHECK(same_for_any_threads([] {
    Tensor y = Tensor::empty({100003});
    cpu().normal(y, {3, 9}, 0, 1);
    return y;
  }));
}

// As a recorded step has them: see CapturedStep.
TEST_CASE("a stream whose seed lies where it draws: the same numbers, no values for the host") {
  const auto twin = [](std::uint64_t seed) { return Rng(Tensor::from({static_cast<std::int64_t>(seed)}, {1})); };
  Rng host(42), device = twin(42);
  for (int round = 0; round < 2; ++round) {  // these, then what splits off them (split_seed)
    CHECK(same_bits(device.uniform({3, 5}), host.uniform({3, 5})));
    CHECK(same_bits(device.normal({7}), host.normal({7})));
    for (const std::int64_t count : {1, 2, 3, 10, 1000, 1234567, (1 << 26) - 1})
      CHECK(device.integers({50, 2}, count).to_vector<std::int64_t>() ==
            host.integers({50, 2}, count).to_vector<std::int64_t>());
    CHECK(device.counter() == host.counter());
    host = host.split();
    device = device.split();
  }
  CHECK_THROWS_AS(device.below(2), Error);
  CHECK_THROWS_AS(device.permutation(2), Error);
  CHECK_THROWS_AS(device.integers({2}, 0), Error);
  CHECK_THROWS_AS(device.integers({2}, 1 << 26), Error);
}
