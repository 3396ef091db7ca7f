// Switchers: whose turn it is, update after update, against fastai's rules written out, and their state.
#include "duel/gan/games/switcher.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Of `count` updates, all of one loss.
std::string turns(Switcher& switcher, int count, double loss = 1) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += switcher.turn() == Turn::discriminator ? 'D' : 'G';
    switcher.observe(loss);
  }
  return text;
}

}  // namespace

TEST_CASE("a fixed number of updates of each") {
  FixedSwitcher alternating, five(5), two_three(2, 3);
  CHECK(turns(alternating, 6) == "DGDGDG");
  CHECK(turns(five, 13) == "DDDDDGDDDDDGD");
  CHECK(turns(two_three, 11) == "DDGGGDDGGGD");
}

TEST_CASE("numbers of updates may depend on the step") {
  FixedSwitcher rising([](std::int64_t step) { return step + 1; }, [](std::int64_t step) { return step == 1 ? 2 : 1; });
  CHECK(turns(rising, 14) == "DGDDGGDDDGDDDD");
  FixedSwitcher falling([](std::int64_t step) { return 1 - step; }, [](std::int64_t) { return 1; });
  CHECK(turns(falling, 2) == "DG");
  CHECK(error_of([&] { falling.observe(1); }) ==
        "FixedSwitcher: needs 1 or more updates of each side, got 0 of the discriminator at step 1");
}

TEST_CASE("adaptive: until the smoothed loss lies below the threshold") {
  AdaptiveSwitcher switcher({.discriminator = 0.65, .generator = 0.5, .beta = 0.5});
  double d = 0, g = 0;
  int d_count = 0, g_count = 0;
  bool generator = false;
  for (int i = 0; i < 200; ++i) {
    CHECK(switcher.turn() == (generator ? Turn::generator : Turn::discriminator));
    const double loss = generator ? 0.5 + 0.4 * std::sin(i) : 0.7 + 0.5 * std::cos(3 * i);
    double &average = generator ? g : d, threshold = generator ? 0.5 : 0.65;
    int& count = generator ? g_count : d_count;
    average = 0.5 * average + 0.5 * loss;
    const double smooth = average / (1 - std::pow(0.5, ++count));
    const Turn turn = switcher.turn();
    switcher.observe(loss);
    CHECK(switcher.smoothed(turn) == doctest::Approx(smooth).epsilon(1e-14));
    if (smooth < threshold) generator = !generator;
  }
  CHECK(d_count > 20);
  CHECK(g_count > 20);
}

TEST_CASE("adaptive: a side without a threshold has one update, one that never gets there keeps its turn") {
  AdaptiveSwitcher free({}), stuck({.discriminator = 0.1}), only_generator({.generator = 0.1});
  CHECK(turns(free, 5) == "DGDGD");
  CHECK(turns(stuck, 5) == "DDDDD");
  CHECK(turns(only_generator, 5) == "DGGGG");
  CHECK(free.smoothed(Turn::generator) == doctest::Approx(1));
  CHECK(only_generator.smoothed(Turn::discriminator) == doctest::Approx(1));
  CHECK(stuck.smoothed(Turn::generator) == 0);
}

TEST_CASE("states restored go on alike") {
  const auto check_resume = [](auto& straight, auto& resumed) {
    const auto loss = [](int i) { return 1 + std::sin(i); };
    for (int i = 0; i < 17; ++i) straight.observe(loss(i));
    load_state_dict(resumed, state_dict(straight));
    for (int i = 17; i < 60; ++i) {
      CHECK(resumed.turn() == straight.turn());
      straight.observe(loss(i));
      resumed.observe(loss(i));
    }
  };
  FixedSwitcher a(3, 2), b(3, 2);
  check_resume(a, b);
  const AdaptiveSwitcherOptions o{.discriminator = 0.9, .generator = 1.1};
  AdaptiveSwitcher c(o), d(o);
  check_resume(c, d);
}

TEST_CASE("switchers refuse what makes no sense") {
  CHECK_FALSE(error_of([] { FixedSwitcher(0, 1); }).empty());
  CHECK_FALSE(error_of([] { FixedSwitcher(1, -1); }).empty());
  CHECK_FALSE(error_of([] { FixedSwitcher(nullptr, [](std::int64_t) { return 1; }); }).empty());
  CHECK_FALSE(error_of([] { AdaptiveSwitcher({.beta = 1}); }).empty());
  CHECK_FALSE(error_of([] { AdaptiveSwitcher({.generator = NAN}); }).empty());
  FixedSwitcher fixed(2);
  AdaptiveSwitcher adaptive({});
  for (Switcher* s : {static_cast<Switcher*>(&fixed), static_cast<Switcher*>(&adaptive)}) {
    CHECK(error_of([&] { s->observe(NAN); }) == "Switcher: the loss must be finite, got nan");
    CHECK(s->turn() == Turn::discriminator);
  }
}
