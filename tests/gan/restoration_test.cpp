// Pictures made worse, for networks that restore them.
#include "duel/gan/data/restoration.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

TEST_CASE("restoration: the target is the picture, the picture has lost its detail") {
  Rng draws(1);
  const Tensor picture = Rng(2).integers({3, 21, 34}, 256).to(DType::uint8);
  const Example e = spoilt({.downscale = 4}, picture, draws);
  CHECK(e.target.to_vector<std::uint8_t>() == picture.to_vector<std::uint8_t>());
  CHECK(e.picture.shape() == picture.shape());
  CHECK(draws.counter() == 0);
  const auto spread = [](const Tensor& t) {
    double sum = 0, squares = 0;
    const auto values = t.to(DType::float32).to_vector<float>();
    for (const float v : values) sum += v, squares += v * v;
    const double mean = sum / static_cast<double>(values.size());
    return squares / static_cast<double>(values.size()) - mean * mean;
  };
  CHECK(spread(e.picture) < 0.2 * spread(picture));
}

TEST_CASE("restoration: noise, from the stream and of the deviation asked for") {
  const Tensor grey = Tensor::full({1, 40, 40}, 128, {.dtype = DType::uint8});
  Rng a(1), b(1), c(2);
  const RestorationOptions options{.downscale = 1, .noise = 0.1};
  const auto x = spoilt(options, grey, a).picture.to_vector<float>();
  CHECK(x == spoilt(options, grey, b).picture.to_vector<float>());
  CHECK(x != spoilt(options, grey, c).picture.to_vector<float>());
  double squares = 0;
  for (const float v : x) squares += (v - 128) * (v - 128);
  CHECK(std::sqrt(squares / static_cast<double>(x.size())) == doctest::Approx(12.75).epsilon(0.1));
  const Tensor exact = grey.to(DType::float32);
  const Example e = spoilt(options, exact, a);
  CHECK(e.target.to_vector<float>() == exact.to_vector<float>());  // not the one that got the noise
  CHECK(error_of([&] { spoilt({.downscale = 0}, grey, a); }).find("1 or more") != std::string::npos);
  CHECK(error_of([&] { spoilt({}, grey.select(0, 0), a); }).find("[C, H, W]") != std::string::npos);
}
