// The game that a run's options are about: its networks fitted to the data, its losses, rates and regularisers.
#include <algorithm>
#include <fmt/format.h>

#include "apps/duel/options.h"
#include "duel/gan/games/autoencoding.h"
#include "duel/gan/games/cycle.h"
#include "duel/tensor/devices.h"

namespace duel::app {
namespace {

// What a network is for: pictures in, pictures out.
struct Use {
  Shape in, out;  // [C, H, W]
  std::int64_t classes = 0;
};

// Makes a network for these pictures, as far as its options allow.
void fit(Blueprint& network, const Use& use) {
  const auto set = [&](const char* name, const std::string& text) {
    if (network.get(name)) network.set(name, text);
  };
  const Shape& size = use.out;
  const std::string sides = network.get("size").value_or("");
  const bool both_sides = std::count(sides.begin(), sides.end(), 'x') > 0;  // g++ 12 warns, wrongly, of sides.find('x')
  set("channels", to_text(use.out[0]));
  set("in_channels", to_text(use.in[0]));
  set("out_channels", to_text(use.out[0]));
  set("size", both_sides ? to_text(Size2{size[1], size[2]}) : to_text(size[1]));
  set("resolution", to_text(size[1]));
  // Networks that know classes know one of data without labels.
  if (network.get("classes").value_or("0") != "0") set("classes", to_text(std::max<std::int64_t>(1, use.classes)));
}

CatalogueEntry chosen_model(const TrainOptions& o) {
  CatalogueEntry entry = find_model(o.model);
  if (o.discriminator.empty()) return entry;
  std::erase_if(entry.networks, [](const auto& part) { return part.first == "discriminator"; });
  entry.networks.emplace_back("discriminator", find_model(o.discriminator).network("discriminator"));
  return entry;
}

void set_options(CatalogueEntry& entry, const TrainOptions& o) {
  const auto set = [&](const char* name, std::int64_t value) {
    if (value > 0) set_option(entry, fmt::format("{}={}", name, value));
  };
  set("latent", o.latent);
  set("width", o.width);
  set("stages", o.stages);
  for (const std::string& assignment : o.model_options) set_option(entry, assignment);
}

// The part's network for this use.
Blueprint part_for(const CatalogueEntry& entry, std::string_view part, const Use& use, const TrainOptions& o) {
  CatalogueEntry fitted = entry;
  for (auto& [name, network] : fitted.networks)
    if (name == part) fit(network, use);
  set_options(fitted, o);
  return fitted.network(part);
}

Shape both(const Shape& a, const Shape& b) { return {a[0] + b[0], b[1], b[2]}; }

template <class Options>
void set_common(Options& game, const TrainOptions& o) {
  game.generator_optimizer = game.discriminator_optimizer = o.optimizer;
  game.generator_optimizer.lr = o.g_lr;
  OptimizerOptions& d = game.discriminator_optimizer;
  d.lr = o.d_lr;
  if (o.d_optimizer.kind != "same") d.kind = optimizer_kind(o.d_optimizer.kind);
  d.beta1 = o.d_optimizer.beta1.value_or(d.beta1);
  d.beta2 = o.d_optimizer.beta2.value_or(d.beta2);
  d.eps = o.d_optimizer.eps.value_or(d.eps);
  d.weight_decay = o.d_optimizer.weight_decay.value_or(d.weight_decay);
  game.learning = o.game.learning;
}

// What the discriminators' scores are compared with.
TargetOptions chosen_targets(const TrainOptions& o) {
  TargetOptions targets = o.soft_labels ? kSoftTargets : TargetOptions{};
  targets.real_low -= o.label_smoothing;
  targets.real_high -= o.label_smoothing;
  targets.flip = o.noisy_labels;
  return targets;
}

AdaptiveSwitcherOptions chosen_switcher(const TrainOptions& o) {
  AdaptiveSwitcherOptions switcher;
  if (o.switch_discriminator > 0) switcher.discriminator = o.switch_discriminator;
  if (o.switch_generator > 0) switcher.generator = o.switch_generator;
  return switcher;
}

TranslationGameOptions translation_options(const TrainOptions& o) {
  const auto networks = game_networks(o);
  TranslationGameOptions game{.generator = networks[0].second, .discriminator = networks[1].second};
  set_common(game, o);
  game.loss = chosen_loss(o);
  game.pixel_weight = o.pixel_weight;
  game.pixel_loss = o.pixel_loss;
  game.judged = o.judged;
  game.order = o.game.order;
  game.pretrain_generator = o.pretrain_generator;
  game.pretrain_discriminator = o.pretrain_discriminator;
  game.targets = chosen_targets(o);
  game.adaptive = chosen_switcher(o);
  if (o.data.mode == DataMode::colorization) game.colours = ColourSpace::lab;
  return game;
}

CycleGameOptions cycle_options(const TrainOptions& o) {
  const auto networks = game_networks(o);
  CycleGameOptions game{.generator_a = networks[0].second,
                        .generator_b = networks[1].second,
                        .discriminator_a = networks[2].second,
                        .discriminator_b = networks[3].second};
  set_common(game, o);
  game.loss = chosen_loss(o);
  game.weights = o.cycle;
  game.targets = chosen_targets(o);
  game.pool = o.pool;
  game.picture_a = o.data_shape.picture;
  game.picture_b = o.data_shape.target;
  return game;
}

AutoencodingGameOptions autoencoding_options(const TrainOptions& o) {
  AutoencodingGameOptions game{.autoencoder = game_networks(o)[0].second};
  game.optimizer = o.optimizer;
  game.optimizer.lr = o.g_lr;
  game.learning = o.game.learning;
  game.beta = o.beta;
  game.sparsity = o.sparsity;
  return game;
}

std::unique_ptr<Game> make_plugin_game(const TrainOptions& o, std::uint64_t seed) {
  const GamePart& part = o.game_kind.part();
  GameSetup setup{.data = o.data_shape,
                  .seed = seed,
                  .place = training_place(o),
                  .networks = game_networks(o),
                  .loss = chosen_loss(o),
                  .noise = chosen_noise(o),
                  .parameters = with_settings(part.name, part.parameters, o.settings)};
  set_common(setup, o);
  std::unique_ptr<Game> game = part.make(setup);
  check(game != nullptr, "train", "the plug-in's game '", part.name, "' made none");
  return game;
}

}  // namespace

AdversarialLoss chosen_loss(const TrainOptions& o) {
  if (o.loss == "wgan-gp" && o.game_kind != GameKind::adversarial)
    throw UsageError("--loss wgan-gp: only the game adversarial has its gradient penalty; choose another loss");
  const auto* part = parts().losses.find(o.loss);
  if (!part) return adversarial_loss(o.loss == "wgan-gp" ? "wgan" : o.loss);
  AdversarialLoss loss = make_part(parts().losses, *part, o.settings);
  loss.name = o.loss;
  return loss;
}

DrawNoise chosen_noise(const TrainOptions& o) {
  if (const auto* part = parts().noises.find(o.latent_distribution))
    return make_part(parts().noises, *part, o.settings);
  return o.latent_distribution == "uniform" ? uniform_noise : normal_noise;
}

AdversarialGameOptions TrainOptions::default_game() {
  const CatalogueEntry entry = conditional_dcgan();
  return {.generator = entry.network("generator"), .discriminator = entry.network("discriminator")};
}

std::vector<std::pair<std::string, Blueprint>> game_networks(const TrainOptions& o) {
  const BatchShape& data = o.data_shape;
  const Shape &a = data.picture, &b = data.target;
  try {
    const CatalogueEntry entry = chosen_model(o);
    const auto part = [&](const char* name, const Use& use) { return part_for(entry, name, use, o); };
    const bool pairs = o.game_kind == GameKind::translate || o.game_kind == GameKind::cycle;
    check(!pairs || b.dim() == 3, "train", "this game needs pairs of pictures: choose a --data-mode of pairs");
    switch (o.game_kind) {
      case GameKind::adversarial:
        return {{"generator", part("generator", {a, a, data.classes})},
                {"discriminator", part("discriminator", {a, a, data.classes})}};
      case GameKind::translate: {
        const Shape judged = o.judged == Judged::pair ? both(a, b) : b;
        return {{"generator", part("generator", {a, b})}, {"discriminator", part("discriminator", {judged, judged})}};
      }
      case GameKind::cycle:
        return {{"generator_a", part("generator", {a, b})},
                {"generator_b", part("generator", {b, a})},
                {"discriminator_a", part("discriminator", {b, b})},
                {"discriminator_b", part("discriminator", {a, a})}};
      case GameKind::autoencode: return {{"autoencoder", part("autoencoder", {a, a})}};
      case GameKind::plugin: {
        std::vector<std::pair<std::string, Blueprint>> networks;
        for (const NetworkRequest& r : o.game_kind.part().networks(data))
          networks.emplace_back(r.name, part(r.part.c_str(), {r.in, r.out, r.classes}));
        return networks;
      }
    }
    fail("train", "there is no such game");
  } catch (const Error& e) {
    throw UsageError(e.what());
  }
}

AdversarialGameOptions adversarial_options(const TrainOptions& o) {
  AdversarialGameOptions game = o.game;
  const auto networks = game_networks(o);
  game.generator = networks[0].second;
  game.discriminator = networks[1].second;
  set_common(game, o);
  RegulariserOptions& r = game.regularisers;
  game.loss = chosen_loss(o);
  game.noise = chosen_noise(o);
  if (o.loss == "wgan-gp" && r.gradient_penalty == 0) r.gradient_penalty = 10;
  game.adaptive = chosen_switcher(o);
  if (o.ada_target > 0) game.ada = {.target = o.ada_target, .images = o.ada_images};
  r.targets = chosen_targets(o);
  return game;
}

void use_precision(const TrainOptions& o) {
  if (device_named(o.device) == Device::cuda)
    cuda_functions()->set_precision(o.precision == "fp32" ? Precision::fp32 : Precision::tf32);
}

Place training_place(const TrainOptions& o) {
  const Device device = device_named(o.device);
  return {.device = device,
          .capture = o.capture == "on" ? Capture::on : Capture::off,
          .activations = device == Device::cuda && o.precision == "bf16" ? DType::bfloat16 : DType::float32};
}

std::unique_ptr<Game> make_game(const TrainOptions& o, std::uint64_t seed) {
  const auto make = [&]<class G>(typename G::Options options) -> std::unique_ptr<Game> {
    options.seed = seed;
    options.place = training_place(o);
    return std::make_unique<G>(options);
  };
  switch (o.game_kind) {
    case GameKind::adversarial: return make.operator()<AdversarialGame>(adversarial_options(o));
    case GameKind::translate: return make.operator()<TranslationGame>(translation_options(o));
    case GameKind::cycle: return make.operator()<CycleGame>(cycle_options(o));
    case GameKind::autoencode: return make.operator()<AutoencodingGame>(autoencoding_options(o));
    case GameKind::plugin: return make_plugin_game(o, seed);
  }
  fail("train", "there is no such game");
}

}  // namespace duel::app
