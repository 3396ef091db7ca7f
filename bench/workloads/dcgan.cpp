// The plain GANs: linear layers, and DCGANs with and without penalties on the critic's gradient.
#include "bench/plain_critic.h"
#include "bench/workload.h"

namespace duel::bench {
namespace {

const AdamOptions kDcganAdam{.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999};

// Two passes; scores_of_both takes one, where there is no batch normalisation.
ScorePair separate_scores(const Critic& critic, const Variable& real, const Variable& fake) {
  return {critic(real), critic(fake)};
}

Variable discriminator_loss(const AdversarialLoss& loss, const ScorePair& scores) {
  return loss.discriminator(scores.real, scores.fake);
}

// As in PyTorch's DCGAN example: one batch of fake pictures serves both players.
template <class P>
Losses vanilla_step(P& p, const Tensor& real, const Tensor& z, double r1_gamma, decltype(separate_scores)* scores_of,
                    Phases& phases) {
  const Critic critic = [&](const Variable& x) { return p.discriminator(x); };
  Variable fake = p.generator(z);
  phases.end("generator forward");
  Variable d_loss = discriminator_loss(kVanillaLoss, scores_of(critic, real, fake.detach()));
  if (r1_gamma > 0) d_loss = d_loss + r1_penalty(critic, real, r1_gamma);
  const double d = minimize(std::move(d_loss), p.discriminator_optimizer);
  phases.end("discriminator");
  Variable g_loss = kVanillaLoss.generator(critic(fake));
  fake = {};
  const double g = minimize(std::move(g_loss), p.generator_optimizer);
  phases.end("generator");
  return {d, g};
}

Step dcgan(Inputs& inputs, Extent e, std::int64_t channels) {
  const DcganOptions o{.size = e.side, .channels = channels};
  Rng rng(1);
  auto players = std::make_shared<Players<DcganGenerator, DcganDiscriminator>>(DcganGenerator(rng, o),
                                                                               DcganDiscriminator(rng, o), kDcganAdam);
  const Tensor real = inputs.pictures("real", e, channels);
  const Tensor z = inputs.normal("z", {e.batch, o.latent});
  return step_of(players,
                 [=](auto& p, Phases& phases) { return vanilla_step(p, real, z, 0, separate_scores, phases); });
}

auto penalised_players(const AdamOptions& adam) {
  Rng rng(1);
  return std::make_shared<Players<DcganGenerator, PlainCritic>>(DcganGenerator(rng, {}), PlainCritic(rng), adam);
}

// Gulrajani et al. 2017, eq. 3, at given points between the pictures.
Variable gradient_penalty_at(const Critic& critic, const Tensor& x) {
  const Variable at = Variable::leaf(x);
  const Variable gradient = grad(sum(critic(at)), {at}, {.create_graph = true})[0];
  const Variable norm = sqrt(sum(square(gradient), {1, 2, 3}));
  return mean(square(norm - 1));
}

}  // namespace

Step mlp_gan(Inputs& inputs, Extent e) {
  Rng rng(1);
  auto players = std::make_shared<Players<MlpGanGenerator, MlpGanDiscriminator>>(
      MlpGanGenerator(rng, {}), MlpGanDiscriminator(rng, {}), kDcganAdam);
  const Tensor real = inputs.pictures("real", e, 1), z = inputs.normal("z", {e.batch, 100});
  return step_of(players, [=](auto& p, Phases& phases) { return vanilla_step(p, real, z, 0, scores_of_both, phases); });
}

Step dcgan_32(Inputs& inputs, Extent e) { return dcgan(inputs, e, 1); }
Step dcgan_64(Inputs& inputs, Extent e) { return dcgan(inputs, e, 3); }

Step dcgan_64_r1(Inputs& inputs, Extent e) {
  const Tensor real = inputs.pictures("real", e, 3), z = inputs.normal("z", {e.batch, 100});
  return step_of(penalised_players(kDcganAdam),
                 [=](auto& p, Phases& phases) { return vanilla_step(p, real, z, 10, separate_scores, phases); });
}

Step wgan_gp_64(Inputs& inputs, Extent e) {
  const Tensor real = inputs.pictures("real", e, 3), z = inputs.normal("z", {e.batch, 100});
  const Tensor shares = inputs.shares("shares", e.batch);
  return step_of(penalised_players({.lr = 1e-4, .beta1 = 0, .beta2 = 0.9}), [=](auto& p, Phases& phases) -> Losses {
    const Critic critic = [&](const Variable& x) { return p.discriminator(x); };
    Variable fake = p.generator(z);
    phases.end("generator forward");
    const Variable share = reshape(shares, {e.batch, 1, 1, 1});
    const Tensor mixed = (share * real + (1 - share) * fake.detach()).value();
    const double d = minimize(discriminator_loss(kWassersteinLoss, separate_scores(critic, real, fake.detach())) +
                                  10 * gradient_penalty_at(critic, mixed),
                              p.discriminator_optimizer);
    phases.end("critic");
    Variable g_loss = kWassersteinLoss.generator(critic(fake));
    fake = {};
    const double g = minimize(std::move(g_loss), p.generator_optimizer);
    phases.end("generator");
    return {d, g};
  });
}

Step dcgan_fashion(Inputs& inputs, Extent e) {
  const CatalogueEntry model = conditional_dcgan();
  const AdversarialGameOptions o{model.network("generator"), model.network("discriminator")};
  Rng rng(1);
  struct Demo : Opponents {
    Ema<Network> ema;
    Demo(Rng& r, const AdversarialGameOptions& options)
        : Opponents(r, options), ema(networks.generator, options.ema_decay) {}
  };
  const Tensor real = inputs.pictures("real", e, 1);
  const Tensor labels = inputs.labels("labels", e.batch, 10), other_labels = inputs.labels("other_labels", e.batch, 10);
  const Tensor z = inputs.normal("z", {e.batch, 64}), other_z = inputs.normal("other_z", {e.batch, 64});
  return step_of(std::make_shared<Demo>(rng, o), [=](Demo& p, Phases& phases) -> Losses {
    const double d = minimize(discriminator_loss(o, p.networks, {real, labels, z}, Penalty::without).loss,
                              *p.discriminator_optimizer);
    phases.end("discriminator");
    const double g = minimize(generator_loss(o, p.networks, {{}, other_labels, other_z}).loss, *p.generator_optimizer);
    phases.end("generator");
    p.ema.update(p.networks.generator, 0);
    phases.end("average");
    return {d, g};
  });
}

Step dcgan_64_sampling(Inputs& inputs, Extent e) {
  Rng rng(1);
  auto generator = std::make_shared<DcganGenerator>(rng, DcganOptions{.size = e.side});
  const Tensor z = inputs.normal("z", {e.batch, 100});
  return {[=](Phases& phases) -> Losses {
            phases.begin();
            const NoGrad no_grad;
            const Variable pictures = (*generator)(z, {.mode = Mode::eval});
            phases.end("generator forward");
            return {mean(abs(pictures)).item()};
          },
          [=] {
            StateDict all;
            add_state(all, "generator.", state_dict(*generator));
            return all;
          }};
}

}  // namespace duel::bench
