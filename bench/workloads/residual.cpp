// The residual networks with class labels: SNGAN, SAGAN, BigGAN and R3GAN for pictures of 32 x 32, and SNGAN for 64
// x 64.
#include "bench/workload.h"

namespace duel::bench {
namespace {

// What every discriminator update of a step is given.
struct Round {
  Tensor real, labels, z, fake_labels;
};

struct Game {
  std::vector<Round> rounds;
  Tensor z, labels;  // of the generator's update
};

Game draw(Inputs& inputs, std::int64_t rounds, Extent e, std::int64_t latent) {
  Game game;
  for (std::int64_t i = 0; i < rounds; ++i)
    game.rounds.push_back({inputs.pictures(cat("real", i), e, 3), inputs.labels(cat("labels", i), e.batch, 10),
                           inputs.normal(cat("z", i), {e.batch, latent}),
                           inputs.labels(cat("fake_labels", i), e.batch, 10)});
  game.z = inputs.normal("z", {e.batch, latent});
  game.labels = inputs.labels("labels", e.batch, 10);
  return game;
}

// Hinge losses; every update of the discriminator on pictures of its own, real and fake ones in one batch.
template <class P>
Losses hinge_step(P& p, const Game& game, Phases& phases) {
  Losses losses;
  for (const Round& r : game.rounds) {
    const Variable fake = [&] {
      const NoGrad no_grad;
      return p.generator(r.z, r.fake_labels);
    }();
    phases.end("generator forward");
    const std::int64_t n = r.real.size(0);
    const Variable both = p.discriminator(concat({r.real, fake}, 0), concat({r.labels, r.fake_labels}, 0).value());
    losses.push_back(
        minimize(kHingeLoss.discriminator(slice(both, 0, 0, n), slice(both, 0, n, 2 * n)), p.discriminator_optimizer));
    phases.end("discriminator");
  }
  losses.push_back(minimize(kHingeLoss.generator(p.discriminator(p.generator(game.z, game.labels), game.labels)),
                            p.generator_optimizer));
  phases.end("generator");
  return losses;
}

Step sngan(Inputs& inputs, Extent e, const char* name, std::int64_t rounds) {
  const SnganConfiguration& c = sngan_configuration(name);
  Rng rng(1);
  auto players = std::make_shared<Players<SnganGenerator, SnganDiscriminator>>(
      SnganGenerator(rng, c.generator), SnganDiscriminator(rng, c.discriminator),
      AdamOptions{.lr = 2e-4, .beta1 = 0, .beta2 = 0.9});
  return step_of(players, [game = draw(inputs, rounds, e, c.generator.latent)](auto& p, Phases& phases) {
    return hinge_step(p, game, phases);
  });
}

}  // namespace

Step sngan_32(Inputs& inputs, Extent e) { return sngan(inputs, e, "mmgen-SNGAN-32", 5); }
Step sngan_64(Inputs& inputs, Extent e) { return sngan(inputs, e, "mmgen-SNGAN-64", 2); }
Step sagan_32(Inputs& inputs, Extent e) { return sngan(inputs, e, "mmgen-SAGAN-32", 5); }

Step biggan_32(Inputs& inputs, Extent e) {
  const BigganConfiguration& c = biggan_configuration("BigGAN-C10");
  Rng rng(1);
  auto players = std::make_shared<Players<BigganGenerator, BigganDiscriminator>>(
      BigganGenerator(rng, c.generator), BigganDiscriminator(rng, c.discriminator),
      AdamOptions{.lr = 2e-4, .beta1 = 0, .beta2 = 0.999});
  return step_of(players, [game = draw(inputs, 4, e, c.generator.latent)](auto& p, Phases& phases) {
    return hinge_step(p, game, phases);
  });
}

Step biggan_32_sampling(Inputs& inputs, Extent e) {
  const BigganConfiguration& c = biggan_configuration("BigGAN-C10");
  Rng rng(1);
  auto generator = std::make_shared<BigganGenerator>(rng, c.generator);
  const Tensor z = inputs.normal("z", {e.batch, c.generator.latent}), labels = inputs.labels("labels", e.batch, 10);
  return {[=](Phases& phases) -> Losses {
            phases.begin();
            const NoGrad no_grad;
            const Variable pictures = (*generator)(z, labels, {.mode = Mode::eval});
            phases.end("generator forward");
            return {mean(abs(pictures)).item()};
          },
          [=] {
            StateDict all;
            add_state(all, "generator.", state_dict(*generator));
            return all;
          }};
}

// The CIFAR-10 networks at their published widths; relativistic losses, R1 and R2 in every step.
Step r3gan_32(Inputs& inputs, Extent e) {
  const R3ganOptions o{.classes = 10};
  Rng rng(1);
  auto players = std::make_shared<Players<R3ganGenerator, R3ganDiscriminator>>(
      R3ganGenerator(rng, o), R3ganDiscriminator(rng, o), AdamOptions{.lr = 2e-4, .beta1 = 0, .beta2 = 0.9});
  const Tensor real = inputs.pictures("real", e, 3), labels = inputs.labels("labels", e.batch, 10);
  const Tensor z = inputs.normal("z", {e.batch, o.latent}), other_z = inputs.normal("other_z", {e.batch, o.latent});
  return step_of(players, [=](auto& p, Phases& phases) -> Losses {
    constexpr double kGamma = 0.05;
    const Variable fake = [&] {
      const NoGrad no_grad;
      return p.generator(z, labels);
    }();
    phases.end("generator forward");
    const Variable x = Variable::leaf(real), y = Variable::leaf(fake.value());
    const Variable on_real = p.discriminator(x, labels), on_fake = p.discriminator(y, labels);
    const auto penalty = [&](const Variable& scores, const Variable& at) {
      const Variable gradient = grad(sum(scores), {at}, {.create_graph = true})[0];
      return mean(sum(square(gradient), {1, 2, 3}));
    };
    const Variable penalties = penalty(on_real, x) + penalty(on_fake, y);
    const double d =
        minimize(kRelativisticLoss.discriminator(on_real, on_fake) + kGamma / 2 * penalties, p.discriminator_optimizer);
    phases.end("discriminator");
    const Variable generated = p.generator(other_z, labels);
    const Variable compared = [&] {
      const NoGrad no_grad;
      return p.discriminator(real, labels);
    }();
    const double g =
        minimize(kRelativisticLoss.generator(compared, p.discriminator(generated, labels)), p.generator_optimizer);
    phases.end("generator");
    return {d, g};
  });
}

}  // namespace duel::bench
