// What changes in an adversarial game with its steps: the burn-in, boosts of the discriminator, intervals of the
// average. Each against the same step of a game to which the values were given, and resumed.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "duel/gan/games/adversarial.h"
#include "duel/gan/models/catalogue.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Options = AdversarialGameOptions;

Options small() {
  const CatalogueEntry networks =
      conditional_dcgan({.size = {8, 8}, .channels = 1, .classes = 3, .latent = 4, .width = 4, .stages = 1});
  return {.generator = networks.network("generator"), .discriminator = networks.network("discriminator")};
}

DataLoader noise_pictures(std::int64_t batch_size = 8) {
  return DataLoader(TensorDataset(Rng(5).integers({24, 1, 8, 8}, 256).to(DType::uint8), Rng(6).integers({24}, 3), 3),
                    {.batch_size = batch_size, .seed = 7});
}

StateDict copy_of(const StateDict& state) {
  StateDict copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  return copy;
}

// The largest difference of what two states have in common by name; they must have the same names.
double apart(const StateDict& a, const StateDict& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (const auto& [name, tensor] : a)
    largest = std::max(largest, difference(tensor.to(DType::float64), b.at(name).to(DType::float64)));
  return largest;
}

// A run that stops after `before` steps and goes on in another game is the one that never stopped.
void check_resume(const Options& o, int before) {
  AdversarialGame straight(o), resumed(o);
  DataLoader data = noise_pictures(), again = noise_pictures();
  for (int i = 0; i < before; ++i) straight.step(data);
  resumed.load_state(copy_of(straight.state()));
  again.restore(data.position());
  for (int i = 0; i < 3; ++i) CHECK(straight.step(data) == resumed.step(again));
  CHECK(apart(straight.state(), resumed.state()) == 0);
  CHECK(data.position() == again.position());
}

// R3GAN's cosine_decay_with_warmup without warm-up.
double r3gan(double base, double last, double images, double total) {
  if (images > total) return last;
  const double decay = 0.5 * (1 + std::cos(std::numbers::pi * images / total));
  return base + (1 - decay) * (last - base);
}

Options burning_in() {
  Options o = small();
  o.loss = kRelativisticLoss;
  o.generator_optimizer = o.discriminator_optimizer = {.lr = 2e-3, .beta1 = 0, .beta2 = 0.9};
  RegulariserOptions& r = o.regularisers;
  r.r1_gamma = 2;
  r.r2_gamma = 1;
  r.augment = "color,translation,cutout";
  r.augment_probability = 0;
  o.learning.accumulations = 2;
  o.burn_in = {.images = 64,  // four steps of two batches
               .r1_gamma = 0.2,
               .r2_gamma = 0.5,
               .beta2 = 0.99,
               .ema_half_life = 40,
               .augment_probability = 0.55};
  return o;
}

}  // namespace

TEST_CASE("burn-in: each step is that of a game with R3GAN's values of that moment") {
  const Options o = burning_in();
  AdversarialGame game(o);
  DataLoader data = noise_pictures();
  for (int step = 0; step < 6; ++step) {
    CAPTURE(step);
    const double images = 16 * step;
    Options fixed = o;
    fixed.burn_in = {};
    fixed.regularisers.r1_gamma = r3gan(2, 0.2, images, 64);
    fixed.regularisers.r2_gamma = r3gan(1, 0.5, images, 64);
    fixed.regularisers.augment_probability = r3gan(0, 0.55, images, 64);
    fixed.generator_optimizer.beta2 = fixed.discriminator_optimizer.beta2 = r3gan(0.9, 0.99, images, 64);
    fixed.ema_half_life = r3gan(0, 40, images, 64);
    if (step == 0) fixed.ema_decay = 0;  // a half-life of 0
    AdversarialGame twin(fixed);
    twin.load_state(copy_of(game.state()));
    DataLoader same = noise_pictures();
    same.restore(data.position());

    Numbers numbers = game.step(data), expected = twin.step(same);
    const RegulariserOptions& now = game.options().regularisers;
    CHECK(now.r1_gamma == doctest::Approx(fixed.regularisers.r1_gamma));
    CHECK(now.r2_gamma == doctest::Approx(fixed.regularisers.r2_gamma));
    CHECK(now.augment_probability == doctest::Approx(fixed.regularisers.augment_probability));
    CHECK(game.options().ema_half_life == doctest::Approx(fixed.ema_half_life));
    for (const char* name : {"d_loss", "g_loss", "r1", "r2"})
      CHECK(numbers[name] == doctest::Approx(expected[name]).epsilon(1e-5));
    CHECK(apart(game.state(), twin.state()) < 1e-6);
  }
  CHECK(game.options().regularisers.r1_gamma == 0.2);  // from 64 images on
  CHECK(game.options().discriminator_optimizer.beta2 == 0.99);
}

TEST_CASE("burn-in: what is not named stays, and lazy betas are those of the moment") {
  Options o = small();
  o.regularisers.r1_gamma = 1;
  o.regularisers.r1_interval = 4;
  o.regularisers.lazy_betas = true;
  o.discriminator_optimizer.beta2 = 0.9;
  o.burn_in = {.images = 8, .beta2 = 0.99};
  AdversarialGame game(o);
  DataLoader data = noise_pictures();
  game.step(data);
  Options fixed = o;
  fixed.burn_in = {};
  fixed.generator_optimizer.beta2 = fixed.discriminator_optimizer.beta2 = 0.99;
  AdversarialGame twin(fixed);
  twin.load_state(copy_of(game.state()));
  DataLoader same = noise_pictures();
  same.restore(data.position());
  game.step(data);
  twin.step(same);
  CHECK(apart(game.state(), twin.state()) == 0);
  CHECK(game.options().regularisers.r1_gamma == 1);
}

TEST_CASE("burn-in: a run goes on to the same bits, in it and after it") {
  check_resume(burning_in(), 2);
  check_resume(burning_in(), 5);
}

TEST_CASE("burn-in: what can't be is refused") {
  const auto refused = [](auto change) {
    Options o = burning_in();
    change(o);
    return error_of([&] { AdversarialGame game(o); });
  };
  CHECK(refused([](Options&) {}) == "");
  CHECK(refused([](Options& o) { o.burn_in.images = 0; }).find("in how many images") != std::string::npos);
  CHECK_FALSE(refused([](Options& o) { o.burn_in.images = -1; }).empty());
  CHECK_FALSE(refused([](Options& o) { o.burn_in.r1_gamma = -1; }).empty());
  CHECK_FALSE(refused([](Options& o) { o.burn_in.ema_half_life = std::nan(""); }).empty());
  CHECK_FALSE(refused([](Options& o) { o.burn_in.beta2 = 1; }).empty());
  CHECK_FALSE(refused([](Options& o) { o.burn_in.augment_probability = 2; }).empty());
  CHECK_FALSE(refused([](Options& o) { o.regularisers.augment_probability = -0.1; }).empty());
  CHECK(refused([](Options& o) { o.generator_optimizer.kind = OptimizerKind::sgd; }).find("sgd has not") !=
        std::string::npos);
  CHECK(refused([](Options& o) { o.regularisers.augment.clear(); }).find("name parts of DiffAugment") !=
        std::string::npos);
  CHECK(refused([](Options& o) { o.ada.emplace(); }).find("leave out ADA") != std::string::npos);
}

TEST_CASE("boosts: the discriminator learns more often in the first steps and now and then") {
  Options o = small();
  o.d_steps = 2;
  o.learning.accumulations = 2;
  o.d_boost = {.d_steps = 5, .first = 3, .every = 4};
  AdversarialGame game(o);
  DataLoader data = noise_pictures();
  std::int64_t updates = 0, step = 0;
  for (const int expected : {5, 5, 5, 2, 5, 2, 2, 2, 5, 2}) {
    CAPTURE(step);
    CHECK(game.batches_until(step) == 2 * updates);
    game.step(data);
    updates += expected;
    ++step;
    CHECK(game.state().at("discriminator_optimizer.step").item() == static_cast<double>(updates));
    CHECK(game.state().at("generator_optimizer.step").item() == static_cast<double>(step));
    CHECK(data.position().epoch * data.per_epoch() + data.position().index == 2 * updates);
  }
  CHECK(game.batches_until(step) == 2 * updates);

  Options first_alone = small();
  first_alone.d_boost = {.d_steps = 100, .first = 25, .every = 0};
  CHECK(AdversarialGame(first_alone).batches_until(30) == 2505);
  first_alone.d_boost = {.d_steps = 100, .first = 25, .every = 500};  // the first WGAN's
  CHECK(AdversarialGame(first_alone).batches_until(500) == 2500 + 475);
  CHECK(AdversarialGame(first_alone).batches_until(1001) == 2500 + 475 + 100 + 499 + 100);
  CHECK(AdversarialGame(small()).batches_until(30) == 30);
}

TEST_CASE("boosts: a run goes on to the same bits, and what can't be is refused") {
  Options o = small();
  o.d_boost = {.d_steps = 3, .first = 1, .every = 3};
  check_resume(o, 2);
  o.order = UpdateOrder::shared;
  CHECK(error_of([&] { AdversarialGame game(o); }).find("share their pictures") != std::string::npos);
  o = small();
  o.d_boost.every = -1;
  CHECK(error_of([&] { AdversarialGame game(o); }).find("d_boost") != std::string::npos);
  o = small();
  o.d_steps = 3;
  o.learning.accumulations = 2;
  CHECK(AdversarialGame(o).batches_until(5) == 30);
  o.adaptive.generator = 0.5;  // each step is one update
  CHECK(AdversarialGame(o).batches_until(5) == 10);
  o.d_boost.d_steps = 3;
  CHECK(error_of([&] { AdversarialGame game(o); }).find("leave out one of them") != std::string::npos);
}

TEST_CASE("the average: copied until it starts, then one update each interval") {
  Options o = small();
  o.ema_start = 2;
  o.ema_interval = 3;
  o.ema_decay = 0.75;
  AdversarialGame game(o);
  DataLoader data = noise_pictures();
  const std::string weight = "project.weight";
  for (int step = 0; step < 9; ++step) {
    CAPTURE(step);
    const Tensor before = game.state().at("generator_ema." + weight).clone();
    game.step(data);
    const StateDict now = game.state();
    const Tensor &average = now.at("generator_ema." + weight), &learned = now.at("generator." + weight);
    if (step < 2) {
      CHECK(difference(average, learned) == 0);
    } else if (step == 4 || step == 7) {
      const std::vector<float> a = average.to_vector<float>(), b = before.to_vector<float>(),
                               l = learned.to_vector<float>();
      for (std::size_t i = 0; i < a.size(); ++i)
        CHECK(a[i] == doctest::Approx(0.75 * b[i] + 0.25 * l[i]).epsilon(1e-5));
    } else {
      CHECK(difference(average, before) == 0);
    }
  }
  check_resume(o, 3);

  // A half-life counts the images of the whole interval.
  o.ema_start = 0;
  o.ema_half_life = 24;  // three batches of eight: half of the distance
  AdversarialGame half(o);
  DataLoader again = noise_pictures();
  const Tensor before = half.state().at("generator_ema." + weight).clone();
  for (int i = 0; i < 3; ++i) half.step(again);
  const StateDict now = half.state();
  const std::vector<float> a = now.at("generator_ema." + weight).to_vector<float>(), b = before.to_vector<float>(),
                           l = now.at("generator." + weight).to_vector<float>();
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(0.5 * b[i] + 0.5 * l[i]).epsilon(1e-5));

  o.ema_interval = 0;
  CHECK(error_of([&] { AdversarialGame refused(o); }).find("ema_interval") != std::string::npos);
  o.ema_interval = 2;
  o.adaptive.generator = 1;
  CHECK(error_of([&] { AdversarialGame refused(o); }).find("where steps are turns") != std::string::npos);
}
