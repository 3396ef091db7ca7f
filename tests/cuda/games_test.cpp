// Whole games on a device: what is recorded gives the bits of what is not, both agree with the CPU, a state is all
// there is, and a loss that is not finite is found though nobody waits for it.
#include <cmath>
#include <functional>
#include <memory>

#include "duel/autograd/ops.h"
#include "duel/gan/games/adversarial.h"
#include "duel/gan/games/autoencoding.h"
#include "duel/gan/games/cycle.h"
#include "duel/gan/games/translation.h"
#include "duel/gan/models/catalogue.h"
#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr std::int64_t kSide = 8;

// Pairs of pictures of noise with a class.
class Noise : public Dataset {
 public:
  explicit Noise(std::int64_t side) : pictures_(Rng(1).integers({24, 2, 3, side, side}, 256).to(DType::uint8)) {}
  std::int64_t size() const override { return pictures_.size(0); }
  std::int64_t classes() const override { return 3; }
  std::int64_t label(std::int64_t i) const override { return i % 3; }
  Example read(std::int64_t i, Rng&) const override {
    return {pictures_.select(0, i).select(0, 0), pictures_.select(0, i).select(0, 1)};
  }
  std::string name(std::int64_t i) const override { return "picture " + std::to_string(i); }

 private:
  Tensor pictures_;
};

DataLoader noise(std::int64_t side) { return {std::make_shared<Noise>(side), {.batch_size = 4, .seed = 3}}; }

struct Case {
  const char* name;
  std::function<std::unique_ptr<Game>(const Place&)> make;
  std::int64_t side = kSide;
};

// Steps in proportion to the gradient: Adam's first ones are of one size, even where it is rounding that decides on
// their direction.
const OptimizerOptions kSgd{.kind = OptimizerKind::sgd, .lr = 0.01, .momentum = 0.5};

using Change = std::function<void(AdversarialGameOptions&)>;

std::function<std::unique_ptr<Game>(const Place&)> adversarial(const char* loss, const Change& change) {
  return [=](const Place& place) {
    const CatalogueEntry networks =
        conditional_dcgan({.size = {kSide, kSide}, .channels = 3, .classes = 3, .latent = 5, .width = 4, .stages = 2});
    AdversarialGameOptions o{.generator = networks.network("generator"),
                             .discriminator = networks.network("discriminator"),
                             .loss = adversarial_loss(loss)};
    // Steps in proportion to the gradient: Adam's first ones are of one size, whatever rounding decides their
    // direction.
    o.generator_optimizer = o.discriminator_optimizer = {.kind = OptimizerKind::sgd, .lr = 0.01, .momentum = 0.5};
    o.ema_decay = 0.75;
    o.ema_start = 1;
    o.seed = 4;
    o.place = place;
    change(o);
    return std::make_unique<AdversarialGame>(o);
  };
}

Blueprint small(const char* entry, const char* part, std::initializer_list<const char*> assignments) {
  CatalogueEntry networks = catalogue_entry(entry);
  for (const char* assignment : assignments) set_option(networks, std::string(part) + "." + assignment);
  return networks.network(part);
}

std::unique_ptr<Game> cycle(const Place& place) {
  const Blueprint generator = small("CycleGAN-resnet_6blocks", "generator", {"width=4", "blocks=1"}),
                  discriminator = small("CycleGAN-resnet_6blocks", "discriminator", {"width=4", "halvings=1"});
  CycleGameOptions o{.generator_a = generator,
                     .generator_b = generator,
                     .discriminator_a = discriminator,
                     .discriminator_b = discriminator};
  o.generator_optimizer = o.discriminator_optimizer = kSgd;
  o.picture_a = o.picture_b = {3, 16, 16};
  o.pool = 3;
  o.seed = 7;
  o.place = place;
  return std::make_unique<CycleGame>(o);
}

std::unique_ptr<Game> pix2pix(const Place& place) {
  TranslationGameOptions o{.generator = small("pix2pix-unet_128", "generator", {"width=4", "halvings=4"}),
                           .discriminator = small("pix2pix-unet_128", "discriminator", {"width=4", "halvings=1"})};
  o.discriminator.set("in_channels", "6");
  o.generator_optimizer = o.discriminator_optimizer = kSgd;
  o.pretrain_generator = 1;
  o.seed = 7;
  o.place = place;
  return std::make_unique<TranslationGame>(o);
}

std::unique_ptr<Game> autoencoder(const Place& place) {
  AutoencodingGameOptions o{.autoencoder = small("autoencoder-variational", "autoencoder",
                                                 {"size=8x8", "channels=3", "widths=12", "code=5"})};
  o.seed = 7;
  o.place = place;
  return std::make_unique<AutoencodingGame>(o);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"vanilla", adversarial("vanilla", [](auto& o) { o.generator_optimizer = {.lr = 1e-3, .beta1 = 0.5}; })},
      {"r1 now and then, weights clipped", adversarial("hinge",
                                                       [](auto& o) {
                                                         o.regularisers.r1_gamma = 1;
                                                         o.regularisers.r1_interval = 2;
                                                         o.learning.clip_norm = 0.5;
                                                         o.d_steps = 2;
                                                       })},
      {"gradient penalty, accumulated batches", adversarial("wgan",
                                                            [](auto& o) {
                                                              o.regularisers.gradient_penalty = 10;
                                                              o.learning.accumulations = 2;
                                                            })},
      {"augmented adaptively, pictures shared",
       adversarial("vanilla",
                   [](auto& o) {
                     o.regularisers.augment = "color,translation,cutout";
                     o.ada = {.target = 0.1, .interval = 2, .images = 40, .start = 0.5};
                     o.order = UpdateOrder::shared;
                     o.regularisers.lecam = 0.3;
                   })},
      {"weights limited, averaged now and then", adversarial("wgan",
                                                             [](auto& o) {
                                                               o.regularisers.clip = 0.01;
                                                               // Far beyond the limit each time.
                                                               o.discriminator_optimizer.lr = 0.5;
                                                               o.g_steps = 2;
                                                               o.ema_start = 0;
                                                               o.ema_interval = 2;
                                                             })},
      {"cycle", cycle, 16},
      {"pix2pix, dropout, pretraining", pix2pix, 16},
      {"variational auto-encoder", autoencoder},
  };
  return all;
}

StateDict host_state(Game& game) {
  StateDict copied;
  for (const auto& [name, tensor] : game.state()) copied[name] = tensor.to(Device::cpu).clone();
  return copied;
}

// The names of tensors that differ by more than a part of their size, or of what is no size for weights.
std::vector<std::string> differing(const StateDict& a, const StateDict& b, double tolerance) {
  constexpr double kSmall = 1e-3;
  std::vector<std::string> names;
  for (const auto& [name, tensor] : a) {
    REQUIRE(b.contains(name));
    const Variable mine = tensor.to(DType::float64), other = b.at(name).to(DType::float64);
    const auto size = [](const Variable& x) { return std::sqrt(mean(square(x)).item()); };
    const bool same = tolerance == 0 ? relative_error(tensor, b.at(name)) == 0
                                     : size(mine - other) <= tolerance * (size(other) + kSmall);
    if (!same) names.push_back(name);
  }
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += name + " ";
  return all;
}

struct Played {
  StateDict state;
  Numbers last;
  std::int64_t replays = 0;
  std::string refusals;
};

Played play(const Case& c, const Place& place, int steps, Telling telling = Telling::numbers) {
  const std::unique_ptr<Game> game = c.make(place);
  DataLoader data = noise(c.side);
  Played played;
  for (int i = 0; i < steps; ++i) played.last = game->step(data, i + 1 < steps ? telling : Telling::numbers);
  for (const CapturedStep* step : game->captured_steps()) {
    played.replays += step->replays();
    played.refusals += step->refusal();
  }
  played.state = host_state(*game);
  return played;
}

constexpr int kSteps = 4;

}  // namespace

TEST_CASE("games: recorded steps give the bits of steps that are not, told or untold" * on_cuda()) {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const Played eager = play(c, {.device = Device::cuda, .capture = Capture::off}, kSteps);
    const Played captured = play(c, {.device = Device::cuda}, kSteps),
                 untold = play(c, {.device = Device::cuda}, kSteps, Telling::nothing);
    CHECK(captured.refusals == "");
    CHECK(captured.replays >= 2);
    CHECK(eager.replays == 0);
    CHECK(joined(differing(eager.state, captured.state, 0)) == "");
    CHECK(joined(differing(eager.state, untold.state, 0)) == "");
    CHECK(eager.last == captured.last);
  }
}

TEST_CASE("games: in bfloat16 too, and weights' copies are those that each pass would make" * on_cuda()) {
  for (const Case& c : cases()) {
    if (c.side > kSide) continue;  // they have nothing that others have not, and take a minute
    CAPTURE(c.name);
    Place place{.device = Device::cuda, .activations = DType::bfloat16};
    const std::unique_ptr<Game> keeping = c.make(place);
    place.capture = Capture::off;
    const std::unique_ptr<Game> rounding = c.make(place);
    DataLoader data = noise(c.side), again = noise(c.side);
    for (int i = 0; i < 5; ++i) {
      keeping->step(data);
      rounding->step(again);
      for (Player* player : rounding->players()) {
        player->optimizer().parameters()[0].value().storage()->bump_version();
        player->optimizer().check_casts();  // of which it keeps none from now on
      }
    }
    std::size_t kept = 0;
    for (Player* player : keeping->players()) kept += player->optimizer().keep_casts();
    for (Player* player : rounding->players()) CHECK(player->optimizer().keep_casts() == 0);
    CHECK(kept > 0);
    std::int64_t replays = 0;
    for (const CapturedStep* step : keeping->captured_steps()) replays += step->replays();
    CHECK(replays >= 2);
    CHECK(joined(differing(host_state(*keeping), host_state(*rounding), 0)) == "");
  }
}

TEST_CASE("games: a device's steps are the CPU's, but for rounding" * on_cuda()) {
  const PrecisionGuard guard(Precision::fp32);
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const Played cpu = play(c, {}, 2), device = play(c, {.device = Device::cuda}, 2);
    for (const auto& [name, value] : cpu.last) {
      CAPTURE(name);
      REQUIRE(device.last.contains(name));
      CHECK(*device.last.find(name) == doctest::Approx(value).epsilon(5e-3));
    }
    CHECK(joined(differing(cpu.state, device.state, 2e-2)) == "");
  }
}

TEST_CASE("games: a state is all there is, on a device too" * on_cuda()) {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const Place place{.device = Device::cuda};
    const std::unique_ptr<Game> straight = c.make(place), resumed = c.make(place);
    DataLoader data = noise(c.side), again = noise(c.side);
    for (int i = 0; i < 3; ++i) straight->step(data);
    resumed->load_state(host_state(*straight));
    again.restore(data.position());
    for (int i = 0; i < 2; ++i) {
      straight->step(data);
      resumed->step(again);
    }
    CHECK(joined(differing(host_state(*straight), host_state(*resumed), 0)) == "");
  }
}

TEST_CASE("games: activations in bfloat16 follow those in float32" * on_cuda()) {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    const Played wide = play(c, {.device = Device::cuda}, 3);
    const Played narrow = play(c, {.device = Device::cuda, .activations = DType::bfloat16}, 3);
    CHECK(narrow.refusals == "");
    for (const auto& [name, value] : wide.last) {
      CAPTURE(name);
      CHECK(*narrow.last.find(name) == doctest::Approx(value).epsilon(0.25));
    }
    for (const auto& [name, tensor] : narrow.state) CHECK(tensor.dtype() == wide.state.at(name).dtype());
  }
}

TEST_CASE("games: a loss that is not finite changes nothing, and shows when numbers are told" * on_cuda()) {
  const std::unique_ptr<Game> game = cases()[0].make({.device = Device::cuda});
  DataLoader data = noise(kSide);
  for (int i = 0; i < 3; ++i) game->step(data);
  const StateDict state = host_state(*game);
  for (const auto& [name, tensor] : game->state())  // which shares memory with the game
    if (name.starts_with("generator.") && name.ends_with("bias")) Tensor(tensor).fill_(NAN);
  game->step(data, Telling::nothing);
  for (const auto& [name, tensor] : host_state(*game))
    if (name.starts_with("discriminator.") && is_floating(tensor.dtype())) {
      CAPTURE(name);
      if (name.find("running") == std::string::npos) CHECK(relative_error(tensor, state.at(name)) == 0);
    }
  CHECK_THROWS_AS(game->step(data), NotFinite);
  game->load_state(state);
  for (int i = 0; i < 3; ++i) game->step(data);  // as if nothing had been
}
