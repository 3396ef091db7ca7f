#include "bench/gpu_steps.h"

#include "bench/plain_critic.h"
#include "duel/gan/games/cycle.h"

namespace duel::bench {
namespace {

// Random numbers of some batches, by name: on the device for the steps, on the CPU for who compares.
class Batches {
 public:
  Batches(Device device, std::int64_t count) : device_(device), count_(count) {}

  std::vector<Tensor> normal(const char* name, const Shape& one) {
    return each(name, [&] { return rng_.normal(one); });
  }
  // Noise in [-1, 1), channels-last as the loader's.
  std::vector<Tensor> pictures(const char* name, const Shape& one) {
    return each(name, [&] { return rng_.uniform(one, -1, 1, {.layout = Layout::channels_last}); });
  }
  std::vector<Tensor> labels(const char* name, std::int64_t batch, std::int64_t classes) {
    return each(name, [&] { return rng_.integers({batch}, classes); });
  }
  const StateDict& all() const { return all_; }

 private:
  template <class Draw>
  std::vector<Tensor> each(const char* name, Draw draw) {
    std::vector<Tensor> tensors;
    for (std::int64_t i = 0; i < count_; ++i) {
      const Tensor t = draw();
      all_[cat("input.", name, i)] = t;
      tensors.push_back(t.to(device_));
    }
    return tensors;
  }

  Device device_;
  std::int64_t count_;
  Rng rng_{2};
  StateDict all_;
};

// A network as the games have it on this device.
Network placed(Network network, const Place& place) {
  if (place.device != Device::cpu) to(network, place.device);
  network.compute_in(place.activations);
  return network;
}

// An update of one player or, where they share their pictures, of both.
enum class Update : std::uint8_t { both, discriminator, generator };

class AdversarialStep final : public DeviceStep {
 public:
  AdversarialStep(const AdversarialGameOptions& game, Network generator, Network discriminator,
                  const DeviceStepOptions& o)
      : options_(game),
        networks_{placed(std::move(generator), o.place), placed(std::move(discriminator), o.place)},
        generator_("generator", networks_.generator, game.generator_optimizer),
        discriminator_("discriminator", networks_.discriminator, game.discriminator_optimizer),
        discriminator_step_(o.place.device, o.place.capture),
        generator_step_(o.place.device, o.place.capture),
        batches_(o.place.device, o.steps * updates()) {
    const NetworkInput &picture = networks_.discriminator.input(), &latent = networks_.generator.input();
    const Shape& s = picture.shape;
    real_ = batches_.pictures("real", {o.batch, s[0], s[1], s[2]});
    z_ = batches_.normal("z", {o.batch, latent.shape[0]});
    if (latent.classes > 0) labels_ = batches_.labels("labels", o.batch, latent.classes);
  }

  Losses run(std::int64_t number, Telling telling) override {
    Losses losses;
    const std::int64_t first = number * updates();
    if (options_.order == UpdateOrder::shared) {
      update(discriminator_step_, Update::both, first, telling, losses);
      return losses;
    }
    for (std::int64_t i = 0; i < options_.d_steps; ++i)
      update(discriminator_step_, Update::discriminator, first + i, telling, losses);
    update(generator_step_, Update::generator, first + options_.d_steps, telling, losses);
    return losses;
  }

  StateDict state() override {
    StateDict all;
    add_state(all, "generator.", state_dict(networks_.generator));
    add_state(all, "discriminator.", state_dict(networks_.discriminator));
    return all;
  }
  const StateDict& inputs() const override { return batches_.all(); }
  std::string refusal() const override {
    return discriminator_step_.refusal().empty() ? generator_step_.refusal() : discriminator_step_.refusal();
  }

 private:
  // Batches that a step takes: one for each update.
  std::int64_t updates() const { return options_.order == UpdateOrder::shared ? 1 : options_.d_steps + 1; }

  void update(CapturedStep& step, Update which, std::int64_t number, Telling telling, Losses& losses) {
    const std::size_t i = static_cast<std::size_t>(number) % real_.size();
    const CapturedStep::Inputs inputs{
        "", {real_[i], labels_.empty() ? Tensor() : labels_[i], z_[i]}, {Rng(static_cast<std::uint64_t>(number))}};
    const auto work = [&](const CapturedStep::Inputs& in, Doing doing) {
      return learn(which, {in.tensors[0], in.tensors[1], in.tensors[2], in.draws[0]}, doing);
    };
    std::vector<duel::Player*> learning;
    if (which != Update::generator) learning.push_back(&discriminator_);
    if (which != Update::discriminator) learning.push_back(&generator_);
    const auto outputs = duel::learn(step, inputs, work, {&generator_, &discriminator_}, learning);
    if (telling == Telling::nothing) return;
    for (const auto& [name, loss] : outputs) losses.push_back(loss.item());
  }

  CapturedStep::Outputs learn(Update which, AdversarialRound round, Doing doing) {
    CapturedStep::Outputs losses;
    if (which == Update::both) {
      Rng draws = round.draws;
      round.fake = networks_.generator(round.z, round.labels, {.rng = &draws});
    }
    if (which != Update::generator)
      losses.emplace_back(
          "d_loss", discriminator_.learn(
                        {[&] { return discriminator_loss(options_, networks_, round, Penalty::with).loss; }}, doing));
    if (which != Update::discriminator)
      losses.emplace_back("g_loss",
                          generator_.learn({[&] { return generator_loss(options_, networks_, round).loss; }}, doing));
    return losses;
  }

  AdversarialGameOptions options_;
  AdversarialNetworks networks_;
  duel::Player generator_, discriminator_;
  CapturedStep discriminator_step_, generator_step_;
  Batches batches_;
  std::vector<Tensor> real_, labels_, z_;
};

// As CycleGame's, without the pools of earlier pictures.
class CycleStep final : public DeviceStep {
 public:
  CycleStep(const CatalogueEntry& model, Rng rng, const OptimizerOptions& adam, const DeviceStepOptions& o)
      : generators_{made(model, "generator", rng, o.place), made(model, "generator", rng, o.place)},
        discriminators_{made(model, "discriminator", rng, o.place), made(model, "discriminator", rng, o.place)},
        generator_player_("generators", generators_, adam),
        discriminator_player_("discriminators", discriminators_, adam),
        generator_step_(o.place.device, o.place.capture),
        discriminator_step_(o.place.device, o.place.capture),
        batches_(o.place.device, o.steps) {
    a_ = batches_.pictures("a", {o.batch, 3, 256, 256});
    b_ = batches_.pictures("b", {o.batch, 3, 256, 256});
  }

  Losses run(std::int64_t number, Telling telling) override {
    const std::size_t i = static_cast<std::size_t>(number) % a_.size();
    const std::vector<duel::Player*> players{&generator_player_, &discriminator_player_};
    const auto made =
        duel::learn(generator_step_, {"", {a_[i], b_[i]}, {}},
                    [this](const CapturedStep::Inputs& in, Doing doing) { return learn_generators(in.tensors, doing); },
                    players, {&generator_player_});
    const auto judged = duel::learn(
        discriminator_step_, {"", {a_[i], b_[i], made[1].second, made[2].second}, {}},
        [this](const CapturedStep::Inputs& in, Doing doing) { return learn_discriminators(in.tensors, doing); },
        players, {&discriminator_player_});
    if (telling == Telling::nothing) return {};
    return {made[0].second.item(), judged[0].second.item()};
  }

  StateDict state() override {
    StateDict all;
    add_state(all, "generator.", state_dict(generators_));
    add_state(all, "discriminator.", state_dict(discriminators_));
    return all;
  }
  const StateDict& inputs() const override { return batches_.all(); }
  std::string refusal() const override {
    return generator_step_.refusal().empty() ? discriminator_step_.refusal() : generator_step_.refusal();
  }

 private:
  static Network made(const CatalogueEntry& model, const char* part, Rng& rng, const Place& place) {
    return placed(model.network(part).make(rng), place);
  }

  // Tensors: pictures of a and of b. Gives the loss, and the pictures of each domain that were made of the other's.
  CapturedStep::Outputs learn_generators(const std::vector<Tensor>& t, Doing doing) {
    const auto to_b = [&](const Variable& x) { return generators_.a(x, {}); };
    const auto to_a = [&](const Variable& x) { return generators_.b(x, {}); };
    Tensor made_a, made_b;
    const auto loss = [&] {
      const Variable fake_b = to_b(t[0]), fake_a = to_a(t[1]);
      made_a = fake_a.value();
      made_b = fake_b.value();
      const CyclePictures pictures{t[0],
                                   t[1],
                                   to_a(fake_b),
                                   to_b(fake_a),
                                   to_b(t[1]),
                                   to_a(t[0]),
                                   discriminators_.a(fake_b, {}),
                                   discriminators_.b(fake_a, {})};
      return cycle_generator_losses(kLeastSquaresLoss, pictures).total();
    };
    const Tensor mean = generator_player_.learn({loss}, doing);
    return {{"g_loss", mean}, {"fake_a", made_a}, {"fake_b", made_b}};
  }

  // Tensors: real pictures of a and of b, made ones of a and of b.
  CapturedStep::Outputs learn_discriminators(const std::vector<Tensor>& t, Doing doing) {
    const auto loss_of = [](Network& judge, const Tensor& real, const Tensor& fake) {
      return kLeastSquaresLoss.discriminator(judge(real, {}), judge(fake, {}));
    };
    return {{"d_loss",
             discriminator_player_.learn(
                 {[&] { return loss_of(discriminators_.a, t[1], t[3]) + loss_of(discriminators_.b, t[0], t[2]); }},
                 doing)}};
  }

  CyclePair generators_, discriminators_;
  duel::Player generator_player_, discriminator_player_;
  CapturedStep generator_step_, discriminator_step_;
  Batches batches_;
  std::vector<Tensor> a_, b_;
};

const OptimizerOptions kDcganAdam{.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999};

AdversarialGameOptions game(const char* model, const char* loss, const OptimizerOptions& adam) {
  const CatalogueEntry& entry = catalogue_entry(model);
  return {.generator = entry.network("generator"),
          .discriminator = entry.network("discriminator"),
          .loss = adversarial_loss(loss),
          .generator_optimizer = adam,
          .discriminator_optimizer = adam};
}

std::unique_ptr<DeviceStep> adversarial(const AdversarialGameOptions& game, const DeviceStepOptions& o) {
  Rng rng(1);
  Network generator = game.generator.make(rng);
  return std::make_unique<AdversarialStep>(game, std::move(generator), game.discriminator.make(rng), o);
}

// As in PyTorch's DCGAN example: one batch of generated pictures serves both players.
AdversarialGameOptions dcgan_game() {
  AdversarialGameOptions dcgan = game("DCGAN-64", "vanilla", kDcganAdam);
  dcgan.order = UpdateOrder::shared;
  return dcgan;
}

std::unique_ptr<DeviceStep> dcgan_64(const DeviceStepOptions& o) { return adversarial(dcgan_game(), o); }

std::unique_ptr<DeviceStep> dcgan_64_r1(const DeviceStepOptions& o) {
  AdversarialGameOptions penalised = dcgan_game();
  penalised.regularisers.r1_gamma = 10;
  Rng rng(1);
  Network generator = penalised.generator.make(rng);
  return std::make_unique<AdversarialStep>(penalised, std::move(generator),
                                           Network(PlainCritic(rng), {.shape = {3, 64, 64}}), o);
}

std::unique_ptr<DeviceStep> sngan_32(const DeviceStepOptions& o) {
  AdversarialGameOptions sngan = game("mmgen-SNGAN-32", "hinge", {.lr = 2e-4, .beta1 = 0, .beta2 = 0.9});
  sngan.d_steps = 5;
  return adversarial(sngan, o);
}

std::unique_ptr<DeviceStep> biggan_128(const DeviceStepOptions& o) {
  AdversarialGameOptions biggan = game("StudioGAN-BigGAN-I128", "hinge", kDcganAdam);
  for (Blueprint* network : {&biggan.generator, &biggan.discriminator})
    network->set("init", "normal_002");  // orthogonal matrices of this size take longer than the measurement
  return adversarial(biggan, o);
}

std::unique_ptr<DeviceStep> cyclegan_256(const DeviceStepOptions& o) {
  return std::make_unique<CycleStep>(catalogue_entry("CycleGAN-resnet_9blocks"), Rng(1), kDcganAdam, o);
}

}  // namespace

const std::vector<DeviceWorkload>& device_workloads() {
  static const std::vector<DeviceWorkload> all = {{"dcgan-64", dcgan_64, 128},
                                                  {"dcgan-64-r1", dcgan_64_r1, 128},
                                                  {"sngan-32", sngan_32, 64},
                                                  {"biggan-128", biggan_128, 64},
                                                  {"cyclegan-256", cyclegan_256, 1}};
  return all;
}

}  // namespace duel::bench
