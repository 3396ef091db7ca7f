// The game that a run's options are about: its networks fitted to the data, its losses, rates and regularisers.
#include <fmt/format.h>

#include "apps/duel/options.h"
#include "duel/gan/games/autoencoding.h"
#include "duel/gan/games/cycle.h"

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
  const bool both_sides = network.get("size").value_or("").find('x') != std::string::npos;
  set("channels", to_text(use.out[0]));
  set("in_channels", to_text(use.in[0]));
  set("out_channels", to_text(use.out[0]));
  set("size", both_sides ? to_text(Size2{size[1], size[2]}) : to_text(size[1]));
  set("resolution", to_text(size[1]));
  // Networks that know classes know one of data without labels.
  if (network.get("classes").value_or("0") != "0") set("classes", to_text(std::max<std::int64_t>(1, use.classes)));
}

CatalogueEntry chosen_model(const TrainOptions& o) {
  CatalogueEntry entry = catalogue_entry(o.model);
  if (o.discriminator.empty()) return entry;
  std::erase_if(entry.networks, [](const auto& part) { return part.first == "discriminator"; });
  entry.networks.emplace_back("discriminator", catalogue_entry(o.discriminator).network("discriminator"));
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
  game.discriminator_optimizer.lr = o.d_lr;
  game.learning = o.game.learning;
}

TranslationGameOptions translation_options(const TrainOptions& o) {
  const auto networks = game_networks(o);
  TranslationGameOptions game{.generator = networks[0].second, .discriminator = networks[1].second};
  set_common(game, o);
  game.loss = o.loss;
  game.pixel_weight = o.pixel_weight;
  game.pixel_loss = o.pixel_loss;
  game.judged = o.judged;
  game.order = o.game.order;
  game.pretrain_generator = o.pretrain_generator;
  game.pretrain_discriminator = o.pretrain_discriminator;
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
  game.loss = o.loss;
  game.weights = o.cycle;
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

}  // namespace

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
  game.loss = o.loss;
  if (o.loss == "wgan-gp") {
    game.loss = "wgan";
    if (r.gradient_penalty == 0) r.gradient_penalty = 10;
  }
  if (o.switch_discriminator > 0) game.adaptive.discriminator = o.switch_discriminator;
  if (o.switch_generator > 0) game.adaptive.generator = o.switch_generator;
  if (o.ada_target > 0) game.ada = {.target = o.ada_target, .images = o.ada_images};
  if (o.soft_labels) r.targets = kSoftTargets;
  r.targets.real_low -= o.label_smoothing;
  r.targets.real_high -= o.label_smoothing;
  r.targets.flip = o.noisy_labels;
  return game;
}

std::unique_ptr<Game> make_game(const TrainOptions& o, std::uint64_t seed) {
  const auto make = [&]<class G>(typename G::Options options) -> std::unique_ptr<Game> {
    options.seed = seed;
    return std::make_unique<G>(options);
  };
  switch (o.game_kind) {
    case GameKind::adversarial: return make.operator()<AdversarialGame>(adversarial_options(o));
    case GameKind::translate: return make.operator()<TranslationGame>(translation_options(o));
    case GameKind::cycle: return make.operator()<CycleGame>(cycle_options(o));
    case GameKind::autoencode: return make.operator()<AutoencodingGame>(autoencoding_options(o));
  }
  fail("train", "there is no such game");
}

}  // namespace duel::app
