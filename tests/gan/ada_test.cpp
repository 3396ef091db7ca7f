// AdaptiveAugmentation: the rule of its authors' program written out, its bounds and its state.
#include "duel/gan/ada.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

namespace {

// `positive` scores of 1, the others of -1.
Tensor scores(std::int64_t positive, std::int64_t count) {
  Tensor t = Tensor::full({count}, -1);
  t.slice(0, 0, positive).fill_(1);
  return t;
}

}  // namespace

TEST_CASE("p follows the mean sign of every four batches") {
  AdaptiveAugmentation ada({.images = 1000});
  Rng rng(1);
  double p = 0, signs = 0;
  for (int batch = 1; batch <= 400; ++batch) {
    const std::int64_t positive =
        batch < 200 ? 10 + rng.below(7) : 8 + rng.below(9);  // of 16: signs around 0.6, and 0.5
    signs += static_cast<double>(2 * positive - 16) / 16;
    ada.observe(scores(positive, 16));
    if (batch % 4 == 0) {
      const double difference = signs / 4 - 0.6;
      p = std::max(0.0, p + (difference > 0 ? 1 : difference < 0 ? -1 : 0) * (16 * 4) / 1000.0);
      CHECK(ada.mean_sign() == doctest::Approx(signs / 4));
      signs = 0;
    }
    REQUIRE(p <= 1);
    CHECK(ada.probability() == doctest::Approx(p).epsilon(1e-12));
  }
}

TEST_CASE("p stays in [0, 1], and gets there in as many images as it is told") {
  AdaptiveAugmentation ada({.interval = 1, .images = 640});
  for (int batch = 0; batch < 9; ++batch) ada.observe(scores(64, 64));
  CHECK(ada.probability() == doctest::Approx(0.9));
  ada.observe(scores(64, 64));
  ada.observe(scores(64, 64));
  CHECK(ada.probability() == 1);
  for (int batch = 0; batch < 20; ++batch) ada.observe(scores(0, 64));
  CHECK(ada.probability() == 0);
  CHECK(ada.mean_sign() == -1);
}

TEST_CASE("maps of scores count with all their elements, images once; 0 and NaN are neither") {
  AdaptiveAugmentation ada({.target = 0, .interval = 1, .images = 100, .start = 0.5});
  Tensor map = Tensor::zeros({2, 1, 3, 3}, {.dtype = DType::float64});
  ada.observe(map);
  CHECK(ada.probability() == 0.5);
  map.select(0, 1).fill_(std::numeric_limits<double>::quiet_NaN());
  map.select(0, 0).select(0, 0).select(0, 2).fill_(1e-300);
  ada.observe(map);
  CHECK(ada.mean_sign() == doctest::Approx(3.0 / 18));
  CHECK(ada.probability() == doctest::Approx(0.52));
}

TEST_CASE("a state restored goes on alike") {
  AdaptiveAugmentation straight({.images = 500}), resumed({.images = 500});
  for (int batch = 0; batch < 30; ++batch) straight.observe(scores(10 + batch % 7, 16));
  load_state_dict(resumed, state_dict(straight));
  for (int batch = 30; batch < 60; ++batch) {
    straight.observe(scores(10 + batch % 7, 16));
    resumed.observe(scores(10 + batch % 7, 16));
    CHECK(resumed.probability() == straight.probability());
  }
}

TEST_CASE("a copy in the middle of an interval leaves the original alone") {
  AdaptiveAugmentation ada({.images = 1000});
  for (int batch = 0; batch < 3; ++batch) ada.observe(scores(0, 16));
  AdaptiveAugmentation copy = clone(ada);
  for (AdaptiveAugmentation* each : {&copy, &ada}) {
    each->observe(scores(16, 16));
    CHECK(each->mean_sign() == doctest::Approx(-0.5));
  }
}

TEST_CASE("what makes no sense is refused") {
  using Options = AdaptiveAugmentationOptions;
  for (const Options& o : {Options{.target = 2}, Options{.target = NAN}, Options{.interval = 0}, Options{.images = 0},
                           Options{.start = -1}, Options{.start = NAN}})
    CHECK(error_of([&] { AdaptiveAugmentation{o}; }).starts_with("AdaptiveAugmentation: "));
  AdaptiveAugmentation ada;
  for (const Tensor& wrong :
       {Tensor(), Tensor::zeros({0}), Tensor::full({}, 1), Tensor::zeros({2}, {.dtype = DType::int64})})
    CHECK(error_of([&] { ada.observe(wrong); }).starts_with("AdaptiveAugmentation: needs scores"));
}
