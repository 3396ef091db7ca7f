// Schedules: PyTorch's and fastai's numbers, ends and warm-up, plateaus and their state, ramps, and what is refused.
#include "duel/nn/schedules.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

namespace {

void check_against_golden(const char* name, const std::function<double(std::int64_t)>& at) {
  CAPTURE(name);
  const Tensor wanted = Golden("schedules", "schedules.json").tensor(name);
  for (std::int64_t step = 0; step < wanted.numel(); ++step)
    CHECK(at(step) == doctest::Approx(wanted.select(0, step).item()).epsilon(tolerance::kGolden));
}

void check_factors(const char* name, const Schedule& schedule) {
  check_against_golden(name, [&](std::int64_t step) { return schedule.factor(step); });
}

const Schedule kTorchOneCycle{// PyTorch's 31 steps end at the last one, and its first phase a step early
                              .kind = ScheduleKind::one_cycle,
                              .total = 30,
                              .pct_start = (0.3 * 31 - 1) / 30,
                              .div = 10,
                              .div_final = 500};

}  // namespace

TEST_CASE("factors are those of PyTorch's schedulers") {
  check_factors("constant", {});
  check_factors("linear", {.kind = ScheduleKind::linear, .hold = 10, .decay = 12});
  check_factors("step", {.kind = ScheduleKind::step, .gamma = 0.3, .every = 7});
  check_factors("multi_step", {.kind = ScheduleKind::multi_step, .gamma = 0.5, .milestones = {3, 11, 12}});
  check_factors("exponential", {.kind = ScheduleKind::exponential, .gamma = 0.9});
  check_factors("cosine", {.kind = ScheduleKind::cosine, .total = 12, .minimum = 0.1});
  check_factors("one_cycle", kTorchOneCycle);
  check_against_golden("one_cycle momentum", [](std::int64_t step) { return kTorchOneCycle.momentum(step).value(); });
  check_factors("warmup", {.warmup = 8, .warmup_from = 0.25});
  check_factors("warmup cosine", {.kind = ScheduleKind::cosine, .warmup = 8, .warmup_from = 0.25, .total = 40});
}

TEST_CASE("one cycle is fastai's, momentum too") {
  const Schedule cycle{.kind = ScheduleKind::one_cycle, .total = 30};
  check_factors("fastai", cycle);
  check_against_golden("fastai momentum", [&](std::int64_t step) { return cycle.momentum(step).value(); });
  for (std::int64_t step : {30, 31, 1000}) {
    CHECK(cycle.factor(step) == doctest::Approx(1e-5));
    CHECK(cycle.momentum(step) == doctest::Approx(0.95));
  }
  CHECK(Schedule{.kind = ScheduleKind::one_cycle, .pct_start = 0}.factor(0) == 1);
  CHECK(Schedule{.kind = ScheduleKind::one_cycle, .pct_start = 1}.factor(100) == 1e-5);
  CHECK_FALSE(Schedule{}.momentum(3).has_value());
}

TEST_CASE("after its end a linear schedule stays at 0, and warm-up leaves no trace") {
  const Schedule linear{.kind = ScheduleKind::linear, .warmup = 4, .hold = 5, .decay = 3};
  CHECK(linear.factor(0) == 0);
  CHECK(linear.factor(1) == 0.25);
  CHECK(linear.factor(4) == 1);
  CHECK(linear.factor(5) == 0.75);
  CHECK(linear.factor(7) == 0.25);
  for (std::int64_t step : {8, 9, 1000000}) CHECK(linear.factor(step) == 0);
  CHECK(Schedule{.kind = ScheduleKind::linear, .hold = 0, .decay = 0}.factor(0) == 0);
}

TEST_CASE("a ramp is half a cosine, and stays where it has come to") {
  // R3GAN's rate: 2e-4 to 5e-5 in 20,000,000 images.
  const Schedule ramp{.kind = ScheduleKind::ramp, .total = 20000000, .minimum = 0.25},
      cosine{.kind = ScheduleKind::cosine, .total = 20000000, .minimum = 0.25};
  CHECK(ramp.factor(0) == 1);
  CHECK(ramp.factor(5000000) == doctest::Approx(0.25 + 0.75 * (1 + std::sqrt(0.5)) / 2));
  CHECK(ramp.factor(10000000) == doctest::Approx(0.625));
  CHECK(ramp.factor(12345678) == doctest::Approx(cosine.factor(12345678)));
  for (std::int64_t step : {20000000, 20000001, 40000000}) CHECK(ramp.factor(step) == 0.25);
  CHECK(cosine.factor(40000000) == doctest::Approx(1));
}

TEST_CASE("schedules by name") {
  CHECK(schedule_names().size() == 8);
  for (const std::string& name : schedule_names()) CHECK(name_of(schedule_kind(name)) == name);
  CHECK(schedule_kind("one_cycle") == ScheduleKind::one_cycle);
  CHECK(error_of([] { schedule_kind("cosin"); }) == "schedule_kind: there is no schedule 'cosin' (nearest: cosine)");
}

TEST_CASE("schedules that make no sense are refused, whatever their kind") {
  const double nan = std::nan("");
  for (const Schedule& s :
       {Schedule{.warmup = -1}, Schedule{.warmup_from = 2}, Schedule{.hold = -1}, Schedule{.decay = -1},
        Schedule{.gamma = 0}, Schedule{.gamma = nan}, Schedule{.every = 0}, Schedule{.milestones = {3, 2}},
        Schedule{.total = 0}, Schedule{.minimum = -0.1}, Schedule{.pct_start = nan}, Schedule{.div = 0.5},
        Schedule{.div_final = 0}, Schedule{.momentum_high = 1}, Schedule{.momentum_low = nan}}) {
    CHECK(error_of([&] { validate(s); }).starts_with("Schedule: "));
    CHECK_FALSE(error_of([&] { s.factor(0); }).empty());
    CHECK_FALSE(error_of([&] { s.momentum(0); }).empty());
  }
  CHECK(error_of([] { Schedule{}.factor(-1); }) == "Schedule: steps are counted from 0, got -1");
}

TEST_CASE("plateaus are PyTorch's, and a state restored goes on alike") {
  const Golden golden("plateaus", "schedules.json");
  const std::vector<double> metrics = doubles(golden.tensor("metrics"));
  const auto check_plateau = [&](const char* name, const PlateauOptions& options, double sign, double offset) {
    CAPTURE(name);
    const std::vector<double> wanted = doubles(golden.tensor(name));
    Plateau plateau(options);
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      Plateau restored(options);
      load_state_dict(restored, state_dict(plateau));
      const double metric = sign * metrics[i] + offset;
      CHECK(restored.observe(metric) == doctest::Approx(wanted[i]).epsilon(tolerance::kGolden));
      CHECK(plateau.observe(metric) == restored.factor());
    }
  };
  check_plateau("min", {}, 1, 0);
  check_plateau("max", {.mode = PlateauMode::max}, -1, 5);
  check_plateau("absolute",
                {.factor = 0.5, .threshold = 0.05, .threshold_mode = PlateauThreshold::absolute, .patience = 3}, 1, -2);
  check_plateau("cooldown", {.factor = 0.3, .threshold = 0.02, .patience = 2, .cooldown = 4, .minimum = 0.01}, 1, 0);
}

TEST_CASE("a plateau counts NaN as no better") {
  Plateau plateau({.patience = 1});
  CHECK(plateau.observe(1) == 1);
  CHECK(plateau.observe(std::nan("")) == 1);
  CHECK(plateau.observe(std::nan("")) == 0.2);
  CHECK(plateau.observe(0.5) == 0.2);
}

TEST_CASE("plateaus that make no sense are refused") {
  for (const PlateauOptions& o :
       {PlateauOptions{.factor = 1}, PlateauOptions{.factor = -1}, PlateauOptions{.threshold = -1},
        PlateauOptions{.threshold = 1}, PlateauOptions{.threshold = std::numeric_limits<double>::infinity()},
        PlateauOptions{.patience = -1}, PlateauOptions{.cooldown = -1}, PlateauOptions{.minimum = 2}})
    CHECK(error_of([&] { Plateau{o}; }).starts_with("Plateau: "));
}

TEST_CASE("ramps hold before and after, and are straight or half a cosine between") {
  const Ramp gamma{.from = 0.05, .to = 0.005, .begin = 100, .end = 300};
  CHECK(gamma.at(-5) == 0.05);
  CHECK(gamma.at(100) == 0.05);
  CHECK(gamma.at(200) == doctest::Approx(0.0275));
  CHECK(gamma.at(150) == doctest::Approx(0.05 - 0.045 * (1 - std::sqrt(0.5)) / 2));
  CHECK(gamma.at(300) == 0.005);
  CHECK(gamma.at(1e300) == 0.005);
  const Ramp line{.from = 1, .to = 3, .begin = 0, .end = 4, .shape = RampShape::linear};
  CHECK(line.at(1) == 1.5);
  const Ramp jump{.from = 1, .to = 3, .begin = 7, .end = 7};
  CHECK(jump.at(6.999) == 1);
  CHECK(jump.at(7) == 3);
  CHECK(error_of([] { Ramp{.begin = 2, .end = 1}.at(0); }).starts_with("Ramp: needs finite numbers and begin <= end"));
  CHECK_FALSE(error_of([] { Ramp{.from = std::nan("")}.at(0); }).empty());
  CHECK_FALSE(error_of([] { Ramp{}.at(std::nan("")); }).empty());
}
