// Adversarial games of networks from the catalogue, by the losses and rates of their systems: the tutorial's CGAN,
// Ganzo, mimicry, PyTorch-StudioGAN and fastai. Batches are smaller than the systems' 64 (128 for ReACGAN) where
// PyTorch would need more than about 3 s for a step.
//
// mimicry and StudioGAN update the discriminator five times in a step. At 128 pixels it is once here, for the time it
// takes. Where else it is fewer times, the losses after five in single precision leave those in double precision too
// far to be compared: PyTorch's by 0.2 after four in mimicry-sngan-64, duel's by 1e-6; both by 0.3 after five in
// studiogan-wgan-gp-32.
#include "bench/workload.h"

namespace duel::bench {
namespace {

const OptimizerOptions kGanzoAdam{.lr = 1e-4, .beta1 = 0, .beta2 = 0.9};
const OptimizerOptions kMimicryAdam{.lr = 2e-4, .beta1 = 0, .beta2 = 0.9};
const OptimizerOptions kDcganAdam{.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999};  // StudioGAN's too

AdversarialGameOptions game(const char* entry, const char* loss, const OptimizerOptions& adam, std::int64_t d_steps) {
  const CatalogueEntry& model = catalogue_entry(entry);
  return {.generator = model.network("generator"),
          .discriminator = model.network("discriminator"),
          .loss = adversarial_loss(loss),
          .generator_optimizer = adam,
          .discriminator_optimizer = adam,
          .d_steps = d_steps};
}

AdversarialGameOptions wgan_gp(const char* entry, const OptimizerOptions& adam, std::int64_t d_steps) {
  AdversarialGameOptions o = game(entry, "wgan", adam, d_steps);
  o.regularisers.gradient_penalty = 10;
  return o;
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
          minimize(loss_alone(discriminator_loss(o, p.networks, round, Penalty::with)), *p.discriminator_optimizer));
      if (o.regularisers.clip > 0) clip_weights(p.discriminator_optimizer->parameters(), o.regularisers.clip);
      phases.end("discriminator");
    }
    losses.push_back(minimize(loss_alone(generator_loss(o, p.networks, last)), *p.generator_optimizer));
    phases.end("generator");
    return losses;
  });
}

}  // namespace

Step tutorial_cgan(Inputs& inputs, Extent e) {
  return step(inputs, e, game("tutorial-CGAN", "vanilla", kDcganAdam, 1));
}

Step tutorial_dcgan(Inputs& inputs, Extent e) {
  return step(inputs, e, game("tutorial-DCGAN", "vanilla", kDcganAdam, 1));
}

Step ganzo_fc(Inputs& inputs, Extent e) { return step(inputs, e, game("ganzo-fc", "vanilla", kGanzoAdam, 1)); }

Step ganzo_conv_64(Inputs& inputs, Extent e) { return step(inputs, e, game("ganzo-conv", "vanilla", kDcganAdam, 1)); }

Step ganzo_good_64(Inputs& inputs, Extent e) { return step(inputs, e, wgan_gp("ganzo-good", kGanzoAdam, 1)); }

Step mimicry_sngan_64(Inputs& inputs, Extent e) {
  return step(inputs, e, game("mimicry-SNGAN-64", "hinge", kMimicryAdam, 2));
}

Step mimicry_sngan_128(Inputs& inputs, Extent e) {
  return step(inputs, e, game("mimicry-SNGAN-128", "hinge", kMimicryAdam, 1));
}

Step mimicry_wgan_gp_32(Inputs& inputs, Extent e) {
  return step(inputs, e, wgan_gp("mimicry-WGAN-GP-32", kMimicryAdam, 2));
}

Step mimicry_ssgan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("mimicry-SSGAN-32", "hinge", kMimicryAdam, 2));
}

Step mimicry_infomax_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("mimicry-InfoMax-32", "hinge", kMimicryAdam, 5));
}

Step mimicry_cgan_pd_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("mimicry-cGAN-PD-32", "hinge", kMimicryAdam, 5));
}

Step mimicry_sagan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("mimicry-SAGAN-32", "hinge", kMimicryAdam, 5));
}

Step studiogan_dcgan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-DCGAN-C10", "vanilla", kDcganAdam, 2));
}

Step studiogan_wgan_gp_32(Inputs& inputs, Extent e) {
  return step(inputs, e, wgan_gp("StudioGAN-WGAN-GP-C10", kDcganAdam, 1));
}

Step studiogan_sngan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-SNGAN-C10", "hinge", kDcganAdam, 5));
}

Step studiogan_pd_gan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-PD-GAN-C10", "hinge", kDcganAdam, 2));
}

Step studiogan_sagan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-SAGAN-C10", "hinge", kDcganAdam, 5));
}

Step studiogan_biggan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-BigGAN-C10", "hinge", kDcganAdam, 5));
}

// With another head than BigGAN's projection; the losses of classes follow from it.
Step studiogan_acgan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-ACGAN-Big-C10", "hinge", kDcganAdam, 5));
}

Step studiogan_tacgan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-ACGAN-Big-TAC-C10", "hinge", kDcganAdam, 5));
}

Step studiogan_adcgan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-ACGAN-Big-ADC-C10", "hinge", kDcganAdam, 5));
}

Step studiogan_mhgan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-MHGAN-C10", "hinge", kDcganAdam, 5));
}

Step studiogan_mdgan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-MDGAN-C10", "hinge", kDcganAdam, 5));
}

Step studiogan_contragan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-ContraGAN-C10", "hinge", kDcganAdam, 5));
}

Step studiogan_reacgan_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-ReACGAN-C10", "hinge", {.lr = 2.8284271e-4, .beta1 = 0.5, .beta2 = 0.999}, 5));
}

// Half as wide as published, for the memory.
Step studiogan_biggan_128(Inputs& inputs, Extent e) {
  AdversarialGameOptions o = game("StudioGAN-BigGAN-I128", "hinge", kDcganAdam, 1);
  for (Blueprint* network : {&o.generator, &o.discriminator}) network->set("width", "48");
  return step(inputs, e, o);
}

Step biggan_deep_32(Inputs& inputs, Extent e) {
  return step(inputs, e, game("StudioGAN-BigGAN-Deep-C10", "hinge", kDcganAdam, 5));
}

// basic_generator and basic_critic as GANLearner.wgan trains them, with fastai's usual optimiser.
Step fastai_basic_64(Inputs& inputs, Extent e) {
  AdversarialGameOptions o = game("fastai-basic", "wgan", {.lr = 2e-4, .beta1 = 0.9, .beta2 = 0.99}, 5);
  o.regularisers.clip = 0.01;
  return step(inputs, e, o);
}

}  // namespace duel::bench
