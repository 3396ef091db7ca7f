// What the options of a run mean to its game and its rates.
#include <doctest/doctest.h>

#include "apps/duel/learning_rates.h"
#include "apps/duel/options.h"
#include "duel/gan/games/cycle.h"
#include "tests/apps/program.h"

namespace duel::app {
namespace {

TrainOptions with(const Json& values) { return resolve({{values, ""}}); }

AdversarialGameOptions adversarial(const Json& values) { return adversarial_options(with(values)); }

}  // namespace

TEST_CASE("the discriminator's optimiser is that of both sides, but for what is said of it") {
  const AdversarialGameOptions same =
      adversarial({{"optimizer", "adamw"}, {"beta1", 0.3}, {"d_lr", 0.25}, {"g_lr", 0.5}});
  OptimizerOptions d = same.discriminator_optimizer;
  CHECK(d.lr == 0.25);
  d.lr = 0.5;
  CHECK(d == same.generator_optimizer);

  // BigGAN-PyTorch's G_B1, D_B1, G_B2, D_B2 ...
  const AdversarialGameOptions other = adversarial({{"beta1", 0},
                                                    {"beta2", 0.999},
                                                    {"eps", 1e-6},
                                                    {"d_optimizer", "rmsprop"},
                                                    {"d_beta1", 0.5},
                                                    {"d_beta2", 0.9},
                                                    {"d_eps", 0},
                                                    {"d_weight_decay", 0.01}});
  CHECK(other.generator_optimizer.kind == OptimizerKind::adam);
  CHECK(other.generator_optimizer.beta1 == 0);
  CHECK(other.generator_optimizer.eps == 1e-6);
  CHECK(other.generator_optimizer.weight_decay == 0);
  CHECK(other.discriminator_optimizer.kind == OptimizerKind::rmsprop);
  CHECK(other.discriminator_optimizer.beta1 == 0.5);
  CHECK(other.discriminator_optimizer.beta2 == 0.9);
  CHECK(other.discriminator_optimizer.eps == 0);
  CHECK(other.discriminator_optimizer.weight_decay == 0.01);
}

TEST_CASE("the published burn-ins") {
  struct Published {
    const char* preset;
    double gamma, augmentation, half_life;
    std::int64_t images, batch;
  };
  for (const Published& p : {Published{"r3gan-cifar10", 0.05, 0.55, 5e6, 20000000, 512},
                             {"r3gan-ffhq64", 2, 0.3, 5e5, 20000000, 256},
                             {"r3gan-ffhq256", 150, 0.3, 5e5, 20000000, 256},
                             {"r3gan-imagenet32", 0.5, 0.5, 5e7, 200000000, 4096},
                             {"r3gan-imagenet64", 1, 0.4, 5e7, 200000000, 4096}}) {
    CAPTURE(std::string(p.preset));
    const TrainOptions o = with({{"preset", p.preset}});
    const AdversarialGameOptions& game = o.game;
    CHECK(game.regularisers.r1_gamma == p.gamma);
    CHECK(game.regularisers.r2_gamma == p.gamma);
    CHECK(game.regularisers.augment_probability == 0);
    CHECK(game.ema_half_life == 0);
    CHECK(game.burn_in.images == p.images);
    CHECK(game.burn_in.r1_gamma.value() == doctest::Approx(p.gamma / 10));
    CHECK(game.burn_in.r2_gamma.value() == doctest::Approx(p.gamma / 10));
    CHECK(game.burn_in.augment_probability == p.augmentation);
    CHECK(game.burn_in.ema_half_life == p.half_life);
    CHECK(game.burn_in.beta2 == 0.99);
    CHECK(o.optimizer.beta2 == 0.9);
    CHECK(o.data.batch_size == p.batch);
    CHECK(o.steps == (p.images + p.batch - 1) / p.batch);
    CHECK(o.schedule.schedule.factor(p.images) * o.g_lr == doctest::Approx(5e-5));
  }
  CHECK(adversarial(Json::object()).burn_in == BurnInOptions());
}

TEST_CASE("a value that need not be there reads back as it was") {
  TrainOptions o = with({{"burn_in", 100}, {"r1_gamma_final", 0}});
  CHECK(o.game.burn_in.r1_gamma == 0.0);
  CHECK_FALSE(o.game.burn_in.r2_gamma.has_value());
  const Json written = to_json(o);
  CHECK(written["r2_gamma_final"] == -1);
  const TrainOptions again = with(written);
  CHECK(again.game.burn_in == o.game.burn_in);
  CHECK(configuration_hash(with({{"d_beta1", -1}, {"beta2_final", -1}})) == configuration_hash({}));
  CHECK(configuration_hash(o) != configuration_hash(with({{"burn_in", 100}})));
  CHECK_THROWS_AS(with({{"beta2_final", 1}}), UsageError);
}

TEST_CASE("rates by the number of images, and a plateau where a turn has no loss of the generator") {
  TrainOptions o = with({{"batch_size", 8},
                         {"accumulations", 2},
                         {"lr_schedule", "ramp"},
                         {"lr_unit", "images"},
                         {"lr_total", 64},
                         {"lr_minimum", 0.25},
                         {"g_lr", 0.5},
                         {"width", 4},
                         {"plateau", true},
                         {"plateau_patience", 0}});
  const std::unique_ptr<Game> game = make_game(o, 1);
  LearningRates rates(o, *game);
  const auto rate = [&](std::int64_t step, std::int64_t epoch = 0) {
    rates.set(step, epoch);
    return rates.rates()[0].second;
  };
  CHECK(rate(0) == 0.5);
  CHECK(rate(2) == doctest::Approx(0.5 * 0.625));  // 32 of 64 images
  CHECK(rate(4) == 0.125);
  CHECK(rate(5) == 0.125);

  Numbers of_generator, of_discriminator;
  of_generator["g_loss"] = 2;
  of_discriminator["d_loss"] = 1;
  rates.observe(of_discriminator, 0);
  rates.observe(of_generator, 0);
  rates.observe(of_discriminator, 1);  // the epoch's mean is 2
  rates.observe(of_discriminator, 2);  // an epoch without any
  CHECK(rate(4) == 0.125);
  rates.observe(of_generator, 3);  // no better
  CHECK(rate(4) < 0.125);
}

TEST_CASE("labels and turns reach the games on pictures") {
  Json values{{"game", "translate"},        {"soft_labels", true},          {"noisy_labels", 0.25},
              {"label_smoothing", 0.125},   {"switch_discriminator", 0.65}, {"width", 4},
              {"model", "pix2pix-unet_128"}};
  TrainOptions o = with(values);
  o.data_shape = {{3, 128, 128}, {3, 128, 128}, 0};
  const std::unique_ptr<Game> translation = make_game(o, 1);
  const auto& t = dynamic_cast<const TranslationGame&>(*translation).options();
  CHECK(t.targets == TargetOptions{.real_low = 0.9 - 0.125, .real_high = 1 - 0.125, .fake_high = 0.1, .flip = 0.25});
  CHECK(t.adaptive.discriminator == 0.65);
  CHECK_FALSE(t.adaptive.generator.has_value());
  CHECK(translation->state().contains("switcher.turn"));

  o = with({{"game", "cycle"}, {"label_smoothing", 0.25}, {"width", 4}});
  o.data_shape = {{3, 32, 32}, {3, 32, 32}, 0};
  const std::unique_ptr<Game> cycle = make_game(o, 1);
  CHECK(dynamic_cast<const CycleGame&>(*cycle).options().targets == TargetOptions{.real_low = 0.75, .real_high = 0.75});

  const TrainOptions lesson = with({{"preset", "fastai-superres"}}),
                     hinge = with({{"preset", "studiogan-cifar10-mhgan"}});
  CHECK(lesson.switch_discriminator == 0.65);
  CHECK(hinge.game.regularisers.feature_matching == 1);
  CHECK(hinge.game.regularisers.feature_distance == FeatureDistance::mean_absolute);
}

TEST_CASE("wgan-gp is for the game that has its penalty") {
  TrainOptions o;
  o.loss = "wgan-gp";
  CHECK(chosen_loss(o).name == "wgan");
  CHECK(adversarial_options(o).regularisers.gradient_penalty == 10);
  o.game_kind = GameKind::translate;
  CHECK_THROWS_WITH_AS(static_cast<void>(chosen_loss(o)), doctest::Contains("only the game adversarial"), UsageError);
}

}  // namespace duel::app

namespace duel::testing {

TEST_CASE("epochs count the batches of steps that take more") {
  const World world;  // of 12 batches
  const auto steps = [&](const std::string& name, const Words& more) {
    const Result r = run(Words{"train", "--run", world.run_folder(name).string(), "--data", world.data.string(),
                               "--batch-size", "8", "--width", "2", "--latent", "4", "--log-every", "1"} +
                         more);
    REQUIRE_MESSAGE(r.code == 0, r.err);
    return metrics(world.run_folder(name)).size();
  };
  CHECK(steps("plain", {"--epochs", "2"}) == 24);
  CHECK(steps("all", {"--epochs", "2", "--d-boost", "2", "--d-boost-first", "1000"}) == 12);
  CHECK(steps("one", {"--epochs", "2", "--d-boost", "4", "--d-boost-first", "1", "--d-boost-every", "0"}) == 21);
  CHECK(steps("uneven", {"--epochs", "1", "--d-steps", "5"}) == 3);
}

}  // namespace duel::testing
