// DivergenceWatch: silent on numbers of healthy runs, and what it finds in those of broken ones, real and made up.
//
// divergence.json holds the first steps of runs of `duel train --preset dcgan-fashion-quick`: as it is, with --loss
// wgan-gp, with --g-lr 0.5 (the generator saturates and collapses), and with --g-lr 0.1 --d-lr 0.1; and, as
// "spread", the part of real pictures' spread that the samples had every 50 or 100 steps.
#include "duel/gan/divergence_watch.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

namespace {

using enum FindingKind;
using Kinds = std::vector<FindingKind>;

struct Run {
  std::vector<Numbers> steps;
  std::vector<double> spreads;

  explicit Run(const std::string& name) {
    const Golden golden(name, "divergence.json");
    for (const char* key : {"d_loss", "g_loss", "d_real", "d_fake"}) {
      const std::vector<double> values = doubles(golden.tensor(key));
      steps.resize(values.size());
      for (std::size_t i = 0; i < values.size(); ++i) steps[i][key] = values[i];
    }
    if (golden.has("spread")) spreads = doubles(golden.tensor("spread"));
  }
};

std::vector<Finding> findings(DivergenceWatch& watch, const std::vector<Numbers>& steps) {
  std::vector<Finding> all;
  for (std::size_t i = 0; i < steps.size(); ++i)
    for (Finding& f : watch.observe(static_cast<std::int64_t>(i) + 1, steps[i])) all.push_back(std::move(f));
  return all;
}

Kinds kinds(const std::vector<Finding>& found) {
  Kinds all;
  for (const Finding& f : found) all.push_back(f.kind);
  return all;
}

// The kinds found in `count` steps of numbers that a function gives.
Kinds kinds_of(int count, const std::function<void(int, Numbers&)>& set) {
  std::vector<Numbers> steps(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) set(i, steps[static_cast<std::size_t>(i)]);
  DivergenceWatch watch;
  return kinds(findings(watch, steps));
}

}  // namespace

TEST_CASE("healthy runs give no finding") {
  for (const char* name : {"healthy", "healthy wgan_gp"}) {
    CAPTURE(name);
    DivergenceWatch watch;
    const Run run(name);
    CHECK(findings(watch, run.steps).empty());
    for (std::size_t i = 0; i < run.spreads.size(); ++i)
      CHECK(watch.observe_spread(static_cast<std::int64_t>(50 * (i + 1)), run.spreads[i]).empty());
  }
}

TEST_CASE("a generator that is far too fast: the discriminator has won, and the pictures are alike") {
  DivergenceWatch watch;
  const Run run("g_lr 0.5");
  const std::vector<Finding> found = findings(watch, run.steps);
  REQUIRE(kinds(found) == Kinds{discriminator_won});
  CHECK(found[0].text.starts_with("the median of the discriminator's losses is 0.009"));
  CHECK(watch.observe_spread(100, run.spreads[0]).empty());
  const std::vector<Finding> alike = watch.observe_spread(200, run.spreads[1]);
  REQUIRE(kinds(alike) == Kinds{collapse});
  CHECK(alike[0].step == 200);
  CHECK(alike[0].text.starts_with(
      "generated pictures differ from each other by 0.216 of what real ones do, after 0.754"));
  CHECK(watch.observe_spread(300, run.spreads[2]).empty());  // still
  CHECK(watch.observe_spread(400, run.spreads[3]).empty());
  CHECK(watch.observe_spread(700, run.spreads[6]).size() == 1);  // again
}

TEST_CASE("two networks that are far too fast: losses jump, scores explode") {
  DivergenceWatch watch;
  std::vector<Numbers> steps = Run("lr 0.1").steps;
  CHECK(kinds(findings(watch, steps)) == Kinds{discriminator_won});
  for (int i = 0; i < 25; ++i) {  // as that run goes on
    steps.push_back(steps.back());
    steps.back()["d_loss"] = 60 + i;
    steps.back()["d_fake"] = -4000;
  }
  DivergenceWatch other;
  const std::vector<Finding> found = findings(other, steps);
  CHECK(kinds(found) == Kinds{discriminator_won, loss_jump, exploding_scores});
  CHECK(found[1].step == 123);
  CHECK(found[1].text.starts_with("the discriminator's loss is 62, where the median of 100 steps was 0.000"));
  CHECK(found[2].step == 140);
  CHECK(found[2].text.starts_with("the discriminator's mean score is -4000, beyond 1000 20 times in a row"));
}

TEST_CASE("any number that is not finite is named, once") {
  for (double wrong :
       {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    DivergenceWatch watch;
    Numbers numbers;
    numbers["r1"] = 1;
    CHECK(watch.observe(6, numbers).empty());
    numbers["r1"] = wrong;
    const std::vector<Finding> found = watch.observe(7, numbers);
    REQUIRE(kinds(found) == Kinds{not_finite});
    CHECK(found[0].step == 7);
    CHECK(found[0].text.starts_with(cat("r1 is ", wrong, ": ")));
    CHECK(watch.observe(8, numbers).empty());
    CHECK(kinds(watch.observe_spread(9, wrong)) == Kinds{not_finite});
  }
}

TEST_CASE("a discriminator that is always right, by its accuracy") {
  CHECK(kinds_of(100, [](int, Numbers& n) { n["d_accuracy"] = 1; }) == Kinds{discriminator_won});
  CHECK(kinds_of(99, [](int, Numbers& n) { n["d_accuracy"] = 1; }).empty());
  CHECK(kinds_of(500, [](int i, Numbers& n) { n["d_accuracy"] = i % 20 ? 1 : 0.97; }).empty());
  // A critic's loss around 0 says nothing.
  CHECK(kinds_of(500, [](int i, Numbers& n) { n["d_loss"] = 0.001 * std::sin(i); }).empty());
}

TEST_CASE("a loss may jump once, or drift, but not jump and stay away") {
  const auto noise = [](int i) { return 0.1 * std::sin(7.0 * i); };
  CHECK(kinds_of(300, [&](int i, Numbers& n) { n["g_loss"] = 1 + noise(i) + (i % 40 == 0 ? 100 : 0); }).empty());
  CHECK(kinds_of(300, [&](int i, Numbers& n) { n["g_loss"] = 1 + noise(i) + 0.03 * i; }).empty());
  CHECK(kinds_of(300, [&](int i, Numbers& n) { n["g_loss"] = 1 + noise(i) + (i > 200 ? 100 : 0); }) ==
        Kinds{loss_jump});
  CHECK(kinds_of(300, [&](int i, Numbers& n) { n["loss"] = i > 200 ? 100 : 1; }) == Kinds{loss_jump});
  // A hinge loss's generator whose scores have kept still.
  CHECK(kinds_of(300, [&](int i, Numbers& n) { n["g_loss"] = i > 200 ? 2.5 : -0.5 + 0.01 * (i % 3); }).empty());
  CHECK(kinds_of(300, [&](int i, Numbers& n) { n["cycle_a"] = i > 200 ? 100 : 1; }).empty());  // not the whole loss
}

TEST_CASE("a gradient that vanishes") {
  CHECK(kinds_of(400, [](int i, Numbers& n) { n["g_gradient"] = i < 150 ? 2.0 : 1e-5; }) == Kinds{vanishing_gradient});
  CHECK(kinds_of(400, [](int i, Numbers& n) { n["g_gradient"] = i < 150 ? 2.0 : 0; }) == Kinds{vanishing_gradient});
  CHECK(kinds_of(400, [](int i, Numbers& n) { n["g_gradient"] = i < 150 ? 2.0 : 0.01; }).empty());
  CHECK(kinds_of(400, [](int i, Numbers& n) { n["g_gradient"] = i % 3 ? 2.0 : 0; }).empty());
}

TEST_CASE("pictures may be alike in the beginning, not for ever") {
  DivergenceWatch watch;
  for (std::int64_t step : {0, 500, 1999}) CHECK(watch.observe_spread(step, 0.01).empty());
  CHECK(kinds(watch.observe_spread(2000, 0.01)) == Kinds{collapse});
}

TEST_CASE("a state restored finds the same") {
  const std::vector<Numbers> steps = Run("lr 0.1").steps;
  for (std::size_t cut : {30, 99, 101, 110}) {
    CAPTURE(cut);
    DivergenceWatch straight, resumed;
    for (std::size_t i = 0; i < cut; ++i) straight.observe(static_cast<std::int64_t>(i), steps[i]);
    straight.observe_spread(5, 0.7);
    load_state_dict(resumed, state_dict(straight));
    for (std::size_t i = cut; i < steps.size(); ++i) {
      const auto step = static_cast<std::int64_t>(i);
      CHECK(kinds(resumed.observe(step, steps[i])) == kinds(straight.observe(step, steps[i])));
    }
    CHECK(kinds(resumed.observe_spread(200, 0.1)) == Kinds{collapse});
    CHECK(difference(state_dict(resumed).at("d_losses.values"), state_dict(straight).at("d_losses.values")) == 0);
  }
}

TEST_CASE("the spread is the root of the mean squared distance of pairs") {
  const Tensor x = numbers({5, 2, 3, 4}, 1);
  double squares = 0;
  for (std::int64_t i = 0; i < 5; ++i)
    for (std::int64_t j = 0; j < i; ++j) {
      const std::vector<double> a = doubles(x.select(0, i)), b = doubles(x.select(0, j));
      for (std::size_t k = 0; k < a.size(); ++k) squares += (a[k] - b[k]) * (a[k] - b[k]);
    }
  CHECK(picture_spread(x) == doctest::Approx(std::sqrt(squares / 10)).epsilon(tolerance::kClosedForm));
  CHECK(picture_spread(x.to(DType::float32)) == doctest::Approx(std::sqrt(squares / 10)).epsilon(1e-6));
  CHECK(picture_spread(Tensor::full({4, 1, 2, 2}, 7, {.dtype = DType::uint8})) == 0);
  CHECK(picture_spread(Tensor::from<double>({0, 3}, {2})) == doctest::Approx(3));
  CHECK(std::isnan(picture_spread(Tensor::from<double>({0, NAN}, {2}))));
  for (const Tensor& few : {Tensor(), Tensor::zeros({}), Tensor::zeros({1, 3, 2, 2})})
    CHECK(error_of([&] { picture_spread(few); }).starts_with("picture_spread: needs two pictures"));
}

TEST_CASE("accuracy counts scores on the right side") {
  const Tensor real = Tensor::from<double>({1, 2, -1}, {3}), fake = Tensor::from<float>({-1, 0, 0.25f, 3, -2}, {5, 1});
  CHECK(discriminator_accuracy(real, fake) == 0.5);
  CHECK(discriminator_accuracy(real, fake, 0.5) == 0.75);
  CHECK(discriminator_accuracy(Tensor::zeros({0}), fake) == 0.4);
  CHECK(error_of([&] { discriminator_accuracy({}, fake); }).starts_with("discriminator_accuracy: needs scores"));
  CHECK_FALSE(error_of([] { discriminator_accuracy(Tensor::zeros({0}), Tensor::zeros({0})); }).empty());
}

TEST_CASE("findings have names, and limits that make no sense are refused") {
  CHECK(name_of(not_finite) == "not_finite");
  CHECK(name_of(vanishing_gradient) == "vanishing_gradient");
  for (const DivergenceOptions& o :
       {DivergenceOptions{.max_score = -1}, DivergenceOptions{.score_patience = 0}, DivergenceOptions{.jump = NAN},
        DivergenceOptions{.jump_patience = 0}, DivergenceOptions{.collapse_grace = -1}})
    CHECK(error_of([&] { DivergenceWatch{o}; }).starts_with("DivergenceWatch: "));
}
