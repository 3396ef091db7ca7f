// Resampling, pooling and look-up where numbers are special: ties, infinities, NaN, constants, borders; and what they
// must be by their nature.
#include "duel/autograd/resample.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "duel/autograd/ops.h"
#include "duel/tensor/thread_pool.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr PadMode kModes[] = {PadMode::zeros, PadMode::replicate, PadMode::reflect};

Tensor random_picture(const Shape& shape) {
  Rng rng(3);
  return random_tensor(rng, shape);
}

double largest(const Tensor& t) {
  double m = 0;
  for (double v : doubles(t)) m = std::max(m, std::abs(v));
  return m;
}

TEST_CASE("a constant picture stays constant") {
  const Variable x = Tensor::full({1, 2, 5, 7}, 3.25, {.dtype = DType::float64});
  for (const Variable& y :
       {upsample_nearest(x, {.size = {8, 3}}), upsample_bilinear(x, {.scale = {1.7, 0.6}}),
        pad2d(x, {{2, 1}, {3, 4}}, PadMode::reflect), pad2d(x, {{9, 1}, {3, 4}}, PadMode::replicate),
        avg_pool2d(x, {.kernel = {3, 3}, .padding = {1, 1}, .count = PadCount::exclude}),
        adaptive_avg_pool2d(x, {3, 4}), max_pool2d(x, {.kernel = {3, 3}, .padding = {1, 1}}),
        slice(slice(fir_upsample2d(x, binomial_filter(4)), 2, 2, 8), 3, 2, 12)})
    CHECK(difference(y.value(), Tensor::full(y.shape(), 3.25, {.dtype = DType::float64})) <= tolerance::kRoundings);
}

TEST_CASE("nearest by a whole factor and back picks the right pixels, at any size") {
  for (std::int64_t n = 1; n <= 300; ++n)
    for (std::int64_t factor : {2, 3, 7}) {
      std::vector<std::int64_t> up, down;
      for (std::int64_t o = 0; o < n * factor; ++o) up.push_back(o / factor);
      for (std::int64_t o = 0; o < n; ++o) down.push_back(o * factor);
      const double f = static_cast<double>(factor);
      CHECK(nearest_taps(n, n * factor, 1 / f).index.to_vector<std::int64_t>() == up);
      CHECK(nearest_taps(n * factor, n, f).index.to_vector<std::int64_t>() == down);
    }
}

TEST_CASE("pixel_unshuffle undoes pixel_shuffle, and both lie channels-last") {
  const Tensor x = random_picture({2, 12, 3, 5});
  const Variable y = pixel_shuffle(x, 2);
  CHECK(y.value().is_channels_last());
  CHECK(pixel_unshuffle(y, 2).value().is_channels_last());
  CHECK(difference(pixel_unshuffle(y, 2).value(), x) == 0);
}

TEST_CASE("the gradient of a maximum goes to the first of equal elements") {
  const Variable x = Variable::leaf(Tensor::full({1, 1, 4, 4}, 2, {.dtype = DType::float64}));
  const Variable y = max_pool2d(x, {.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}});
  const std::vector<double> g = grad(sum(y), {x})[0].value().to_vector<double>();
  CHECK(g == std::vector<double>{4, 2, 2, 0, 2, 1, 1, 0, 2, 1, 1, 0, 0, 0, 0, 0});
}

TEST_CASE("the maximum of infinities and NaN") {
  const Variable x = Variable::leaf(Tensor::from<double>(
      {-kInf, -kInf, 1, kNaN, -kInf, -kInf, kNaN, 5, kInf, 0, -0.0, 0, 3, kInf, -1, -2}, {1, 1, 4, 4}));
  const Variable y = max_pool2d(x, {.kernel = {2, 2}});
  const std::vector<double> v = y.value().to_vector<double>();
  CHECK(v[0] == -kInf);
  CHECK(std::isnan(v[1]));
  CHECK(v[2] == kInf);
  CHECK(v[3] == 0);
  const std::vector<double> g = grad(sum(y), {x})[0].value().to_vector<double>();
  CHECK(g == std::vector<double>{1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0});  // the first NaN, the first 0
}

TEST_CASE("large and tiny numbers neither overflow nor vanish") {
  for (double size : {1e300, 1e-300, 4e-320}) {
    const Tensor x = Tensor::full({1, 1, 4, 4}, size, {.dtype = DType::float64});
    for (const Variable& y : {avg_pool2d(x), upsample_bilinear(x, {.scale = {2, 2}}), global_mean_pool(x / 16.0)})
      for (double v : doubles(y.value())) CHECK((v > 0 && std::isfinite(v)));
  }
}

TEST_CASE("NaN and infinity stay where a sparse matrix puts them") {
  Tensor x = Tensor::zeros({1, 1, 4, 4}, {.dtype = DType::float64});
  x.select(3, 0).fill_(kNaN);
  const std::vector<double> y = doubles(avg_pool2d(x).value());
  CHECK(std::isnan(y[0]));
  CHECK(y[1] == 0);
  CHECK(std::isnan(y[2]));
  CHECK(y[3] == 0);
  const std::vector<double> same = doubles(upsample_bilinear(x, {.size = {4, 4}}).value());
  for (std::size_t i = 0; i < same.size(); ++i) CHECK(std::isnan(same[i]) == (i % 4 == 0));
}

TEST_CASE("the gradient notices a matrix written since") {
  const Variable x = Variable::leaf(random_picture({1, 1, 3, 3}));
  Taps taps = bilinear_taps(3, 5, 0.6);
  const Variable y = sum(resample2d(x, taps, taps));
  taps.index.fill_(100);
  CHECK(error_of([&] { grad(y, {x}); }).find("written in place") != std::string::npos);
}

TEST_CASE("binomial filters are [1, 2, 1] and [1, 3, 3, 1], of sum 1") {
  CHECK(binomial_filter(1).to_vector<double>() == std::vector<double>{1});
  CHECK(binomial_filter(3).to_vector<double>() == std::vector<double>{0.25, 0.5, 0.25});
  CHECK(binomial_filter(4).to_vector<double>() == std::vector<double>{0.125, 0.375, 0.375, 0.125});
}

TEST_CASE("an outer product as a square filter gives what the separable one gives") {
  const Tensor x = random_picture({2, 3, 5, 6});
  const Tensor f = binomial_filter(4), square = matmul(reshape(f, {4, 1}), reshape(f, {1, 4})).value();
  for (FilterMode mode : {FilterMode::convolution, FilterMode::correlation}) {
    const Upfirdn2dOptions o{.up = {2, 3}, .down = {3, 1}, .padding = {{2, -1}, {4, 1}}, .gain = 6, .mode = mode};
    CHECK(difference(upfirdn2d(x, f, o).value(), upfirdn2d(x, square, o).value()) <= tolerance::kReference);
  }
}

TEST_CASE("FIR resampling by a factor gives a picture of that size") {
  const Variable x = random_picture({1, 2, 6, 4});
  for (std::int64_t taps : {3, 4, 6}) {
    CHECK(fir_upsample2d(x, binomial_filter(taps)).shape() == Shape{1, 2, 12, 8});
    CHECK(fir_downsample2d(x, binomial_filter(taps)).shape() == Shape{1, 2, 3, 2});
  }
}

TEST_CASE("windows may be far larger than the picture") {
  const Variable x = Variable::leaf(random_picture({1, 4, 3, 3}));
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  const Size2 kernel{kMost, kMost}, padding{kMost / 2, kMost / 2};
  const Variable y = max_pool2d(x, {.kernel = kernel, .stride = {1, kMost}, .padding = padding});
  CHECK(y.shape() == Shape{1, 4, 4, 1});
  CHECK(difference(y.value(), amax(x, {2, 3}, KeepDims::yes).value().expand({1, 4, 4, 1})) == 0);
  const Variable mean =
      avg_pool2d(x, {.kernel = kernel, .stride = kernel, .padding = padding, .count = PadCount::exclude});
  CHECK(difference(mean.value(), duel::mean(x, {2, 3}, KeepDims::yes).value()) <= tolerance::kClosedForm);
}

TEST_CASE("the identity's grid gives the picture back, outside whatever there is") {
  const Tensor x = random_picture({2, 3, 5, 4});
  const Tensor identity = Tensor::from<double>({1, 0, 0, 0, 1, 0}, {1, 2, 3}).expand({2, 2, 3});
  for (PadMode mode : kModes)
    CHECK(difference(grid_sample(x, affine_grid(identity, {5, 4}), mode).value(), x) <= tolerance::kClosedForm);
}

TEST_CASE("a flip is a grid, and so is a shift by one pixel with its border") {
  const Tensor x = random_picture({1, 2, 3, 4});
  const Tensor mirrored = Tensor::from<double>({-1, 0, 0, 0, 1, 0}, {1, 2, 3});
  CHECK(difference(grid_sample(x, affine_grid(mirrored, {3, 4})).value(), flip(x, {3}).value()) <=
        tolerance::kClosedForm);
  const Tensor shifted = Tensor::from<double>({1, 0, 0.5, 0, 1, 0}, {1, 2, 3});  // one of 4 pixels to the right
  const Variable grid = affine_grid(shifted, {3, 4});
  CHECK(difference(grid_sample(x, grid, PadMode::zeros).value(), pad(x, {{-1, 1}}).value()) <= tolerance::kClosedForm);
  const Tensor replicated = pad2d(x, {{}, {-1, 1}}, PadMode::replicate).value();
  for (PadMode mode : {PadMode::replicate, PadMode::reflect})  // the border pixel is repeated
    CHECK(difference(grid_sample(x, grid, mode).value(), replicated) <= tolerance::kClosedForm);
}

TEST_CASE("a grid's gradient at the borders is PyTorch's: 0 where a place was brought in") {
  const Variable x = random_picture({1, 1, 3, 3});
  const Variable grid = Variable::leaf(Tensor::from<double>({-1, 0.1, 1, 0.1, 7, 0.1, -50, 0.1}, {1, 1, 4, 2}));
  for (PadMode mode : {PadMode::replicate, PadMode::reflect}) {
    const Tensor g = grad(sum(grid_sample(x, grid, mode)), {grid})[0].value();
    for (double v : doubles(g.select(3, 0))) CHECK(std::isfinite(v));
    CHECK(g.to_vector<double>()[0] == 0);
    CHECK(g.to_vector<double>()[2] == 0);
  }
  CHECK(largest(grad(sum(grid_sample(x, grid, PadMode::zeros)), {grid})[0].value().slice(2, 2, 4)) == 0);
}

TEST_CASE("a float32 grid's gradient on a wide picture is as exact as float32 is") {
  const Tensor x = random_picture({1, 1, 2, 5000}).to(DType::float32);
  Rng rng(5);
  const Tensor at = random_tensor(rng, {1, 1, 50, 2}).to(DType::float32);
  const auto grid_gradient = [&](DType dtype) {
    const Variable grid = Variable::leaf(at.to(dtype));
    const Tensor both = grad(sum(grid_sample(x.to(dtype), grid, PadMode::replicate)), {grid})[0].value();
    return both.select(3, 1);  // with respect to y: its size is that of the pixels, not of the width
  };
  const Tensor exact = grid_gradient(DType::float64);
  CHECK(difference(grid_gradient(DType::float32), exact) <= tolerance::kSingle * (1 + largest(exact)));
}

TEST_CASE("places that are not numbers crash nothing, and those far outside see what lies there") {
  const Variable x = Variable::leaf(random_picture({1, 2, 3, 3}));
  const double far[] = {1e30, -1e300, kInf, -kInf, kNaN};
  for (double a : far)
    for (PadMode mode : kModes) {
      const Variable grid = Variable::leaf(Tensor::from<double>({a, 0, 0, a, a, a}, {1, 1, 3, 2}));
      const Variable y = grid_sample(x, grid, mode);
      if (std::isnan(a))
        for (double v : doubles(y.value())) CHECK(std::isnan(v));
      else if (mode == PadMode::zeros)
        CHECK(largest(y.value()) == 0);
      else if (mode == PadMode::replicate || std::isfinite(a))
        for (double v : doubles(y.value())) CHECK(std::isfinite(v));
      CHECK(grad(sum(y), {x, grid}).size() == 2);
    }
}

TEST_CASE("any number of threads gives the same bits") {
  const int before = num_threads();
  Rng rng(4);
  const Tensor picture = random_tensor(rng, {9, 5, 33, 31}).to(DType::float32);
  const Tensor grid = random_tensor(rng, {9, 20, 40, 2}).to(DType::float32);
  const auto run = [&] {
    const Variable x = Variable::leaf(picture);
    std::vector<float> all;
    for (const Variable& y : {upsample_bilinear(x, {.scale = {2, 2}}), fir_downsample2d(x, binomial_filter(4)),
                              avg_pool2d(x), max_pool2d(x), grid_sample(x, grid, PadMode::reflect)})
      for (const Tensor& t : {y.value(), grad(sum(square(y)), {x})[0].value()}) {
        const std::vector<float> values = t.to_vector<float>();
        all.insert(all.end(), values.begin(), values.end());
      }
    return all;
  };
  set_num_threads(1);
  const std::vector<float> one = run();
  set_num_threads(3);
  const std::vector<float> three = run();
  set_num_threads(before);
  CHECK(one == three);
}

}  // namespace
}  // namespace duel::testing
