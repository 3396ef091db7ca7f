// Adversarial games of networks from the catalogue, by the losses and rates of their systems: the tutorial's CGAN,
// Ganzo, mimicry and PyTorch-StudioGAN. Batches are smaller than the systems' 64 (128 for ReACGAN) where PyTorch would
// need more than about 3 s for a step.
#include "bench/workload.h"

namespace duel::bench {
namespace {

const AdamOptions kMimicryAdam{.lr = 2e-4, .beta1 = 0, .beta2 = 0.9};
const AdamOptions kDcganAdam{.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999};  // StudioGAN's too

AdversarialGameOptions game(const char* entry, const char* loss, const AdamOptions& adam, std::int64_t d_steps) {
  const CatalogueEntry& model = catalogue_entry(entry);
  return {.generator = model.network("generator"),
          .discriminator = model.network("discriminator"),
          .loss = loss,
          .generator_optimizer = adam,
          .discriminator_optimizer = adam,
          .d_steps = d_steps};
}

// What an update of the discriminator is given; inputs are called "real0", "z0" ...
AdversarialRound draw(Inputs& inputs, Extent e, const AdversarialGameOptions& o, AdversarialNetworks& networks,
                      std::int64_t number) {
  const NetworkInput &pictures = networks.discriminator.input(), &latents = networks.generator.input();
  AdversarialRound round;
  round.real = inputs.pictures(cat("real", number), e, pictures.shape[0]);
  if (pictures.classes > 0) round.labels = inputs.labels(cat("labels", number), e.batch, pictures.classes);
  round.z = inputs.normal(cat("z", number), {e.batch, latents.shape[0]});
  if (o.regularisers.gradient_penalty > 0) round.draws = inputs.stream(cat("shares", number), e.batch);
  return round;
}

// The generator's, "z" and "labels".
AdversarialRound draw(Inputs& inputs, Extent e, AdversarialNetworks& networks) {
  const NetworkInput& latents = networks.generator.input();
  AdversarialRound round;
  if (latents.classes > 0) round.labels = inputs.labels("labels", e.batch, latents.classes);
  round.z = inputs.normal("z", {e.batch, latents.shape[0]});
  return round;
}

// Without what else hangs on to intermediate results.
template <class Found>
Variable loss_alone(Found found) {
  return std::move(found.loss);
}

Step step(Inputs& inputs, Extent e, const AdversarialGameOptions& o) {
  Rng rng(1);
  auto players = std::make_shared<Opponents>(rng, o);
  std::vector<AdversarialRound> rounds;
  for (std::int64_t i = 0; i < o.d_steps; ++i) rounds.push_back(draw(inputs, e, o, players->networks, i));
  return step_of(players, [=, last = draw(inputs, e, players->networks)](Opponents& p, Phases& phases) {
    Losses losses;
    for (const AdversarialRound& round : rounds) {
      losses.push_back(
          minimize(loss_alone(discriminator_loss(o, p.networks, round, Penalty::with)), p.discriminator_optimizer));
      phases.end("discriminator");
    }
    losses.push_back(minimize(loss_alone(generator_loss(o, p.networks, last)), p.generator_optimizer));
    phases.end("generator");
    return losses;
  });
}

}  // namespace

Step tutorial_cgan(Inputs& inputs, Extent e) {
  return step(inputs, e, game("tutorial-CGAN", "vanilla", kDcganAdam, 1));
}

Step ganzo_conv_64(Inputs& inputs, Extent e) { return step(inputs, e, game("ganzo-conv", "vanilla", kDcganAdam, 1)); }

Step ganzo_good_64(Inputs& inputs, Extent e) {
  AdversarialGameOptions o = game("ganzo-good", "wgan", {.lr = 1e-4, .beta1 = 0, .beta2 = 0.9}, 1);
  o.regularisers.gradient_penalty = 10;
  return step(inputs, e, o);
}

// Two of mimicry's five updates of the discriminator: with more, the losses of PyTorch's single-precision steps leave
// those of its double-precision ones (by 0.2 after four updates, duel's by 1e-6), and the steps cannot be compared.
Step mimicry_sngan_64(Inputs& inputs, Extent e) {
  return step(inputs, e, game("mimicry-SNGAN-64", "hinge", kMimicryAdam, 2));
}

Step mimicry_ssgan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("mimicry-SSGAN-32", "hinge", kMimicryAdam, 2));
}

Step mimicry_infomax_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("mimicry-InfoMax-32", "hinge", kMimicryAdam, 5));
}

Step studiogan_biggan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-BigGAN-C10", "hinge", kDcganAdam, 5));
}

Step studiogan_reacgan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-ReACGAN-C10", "hinge", {.lr = 2.8284271e-4, .beta1 = 0.5, .beta2 = 0.999}, 5));
}

Step biggan_deep_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-BigGAN-Deep-C10", "hinge", kDcganAdam, 5));
}

}  // namespace duel::bench
