// Ten training steps of the recipes for one generator and one discriminator give PyTorch's losses: DCGAN, WGAN-GP,
// SNGAN and R3GAN. Each is written as its paper has it, on small networks.
#include "duel/gan/losses.h"
#include "duel/gan/models/dcgan.h"
#include "duel/gan/models/ganzo_resnet.h"
#include "duel/gan/models/r3gan.h"
#include "duel/gan/models/sngan.h"
#include "tests/gan/training_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Radford et al. 2016. Real and fake pictures go through the discriminator separately: each batch norm sees one kind.
Trained train_dcgan(DType dtype) {
  const DcganOptions options{.size = 16, .latent = 5, .width = 2, .scores = Scores::probabilities};
  auto G = started(made<DcganGenerator>(options), dtype);
  auto D = started(made<DcganDiscriminator>(options), dtype);
  Adam g_optimizer(G, {.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999});
  Adam d_optimizer(D, {.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999});
  Data data{{4, 3, 16, 16}, dtype};
  Trained trained;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const Tensor real = data.pictures();
    const Variable fake = G(data.noise(5));
    const Variable on_real = D(real), on_fake = D(fake.detach());
    const Variable d_loss = kGanLoss.discriminator(on_real, on_fake);
    update(d_optimizer, d_loss);
    const Variable g_loss = kGanLoss.generator(D(fake));
    update(g_optimizer, g_loss);
    trained.record({d_loss, g_loss});
  }
  trained.keep(G, D);
  return trained;
}

// Gulrajani et al. 2017, algorithm 1, with Ganzo's networks.
Trained train_wgan_gp(DType dtype) {
  const GanzoResnetOptions options{.size = 16, .latent = 4, .width = 1};
  auto G = started(made<GanzoResnetGenerator>(options), dtype);
  auto D = started(made<GanzoResnetDiscriminator>(options), dtype);
  Adam g_optimizer(G, {.lr = 1e-4, .beta1 = 0, .beta2 = 0.9});
  Adam d_optimizer(D, {.lr = 1e-4, .beta1 = 0, .beta2 = 0.9});
  Data data{{4, 3, 16, 16}, dtype};
  Trained trained;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    Variable w_loss, penalty;
    for (int critic_step = 0; critic_step < 5; ++critic_step) {
      const Tensor real = data.pictures(), fake = G(data.noise(4)).value();
      w_loss = kWassersteinLoss.discriminator(D(real), D(fake));
      penalty = 10 * gradient_penalty([&](const Variable& x) { return D(x); }, real, fake, data.rng, {.epsilon = 0});
      update(d_optimizer, w_loss + penalty);
    }
    const Variable g_loss = kWassersteinLoss.generator(D(G(data.noise(4))));
    update(g_optimizer, g_loss);
    trained.record({w_loss, penalty, g_loss});
  }
  trained.keep(G, D);
  return trained;
}

// Miyato et al. 2018: each pass through the discriminator, real, fake or the generator's, moves its singular vectors.
Trained train_sngan(DType dtype) {
  SnganConfiguration c = sngan_configuration("mimicry-SNGAN-32");
  c.generator.width = c.discriminator.width = 4;
  c.generator.latent = 5;
  auto G = started_with_buffers(made<SnganGenerator>(c.generator), dtype);
  auto D = started_with_buffers(made<SnganDiscriminator>(c.discriminator), dtype);
  Adam g_optimizer(G, {.lr = 2e-4, .beta1 = 0, .beta2 = 0.9});
  Adam d_optimizer(D, {.lr = 2e-4, .beta1 = 0, .beta2 = 0.9});
  Data data{{2, 3, 32, 32}, dtype};
  Trained trained;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    Variable d_loss;
    for (int d_step = 0; d_step < 5; ++d_step) {
      const Tensor real = data.pictures(), fake = G(data.noise(5)).value();
      const Variable on_real = D(real), on_fake = D(fake);
      d_loss = kHingeLoss.discriminator(on_real, on_fake);
      update(d_optimizer, d_loss);
    }
    const Variable g_loss = kHingeLoss.generator(D(G(data.noise(5))));
    update(g_optimizer, g_loss);
    trained.record({d_loss, g_loss});
  }
  trained.keep(G, D);
  return trained;
}

// Huang et al. 2024: the relativistic loss, and both penalties at every step.
Trained train_r3gan(DType dtype) {
  const R3ganOptions options{.widths = {6, 6, 4}, .group_width = 4, .latent = 5};
  const double gamma = 2;
  auto G = started(made<R3ganGenerator>(options), dtype, 0.8);
  auto D = started(made<R3ganDiscriminator>(options), dtype, 0.8);
  Adam g_optimizer(G, {.lr = 2e-4, .beta1 = 0, .beta2 = 0.9});
  Adam d_optimizer(D, {.lr = 2e-4, .beta1 = 0, .beta2 = 0.9});
  Data data{{4, 3, 16, 16}, dtype};
  const Critic critic = [&](const Variable& x) { return D(x); };
  Trained trained;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    Tensor real = data.pictures();
    const Tensor fake = G(data.noise(5)).value();
    const Variable d_loss = kRelativisticLoss.discriminator(D(real), D(fake));
    const Variable r1 = r1_penalty(critic, real, gamma), r2 = r2_penalty(critic, fake, gamma);
    update(d_optimizer, d_loss + r1 + r2);
    real = data.pictures();
    const Variable g_loss = kRelativisticLoss.generator(D(real), D(G(data.noise(5))));
    update(g_optimizer, g_loss);
    trained.record({d_loss, r1, r2, g_loss});
  }
  trained.keep(G, D);
  return trained;
}

}  // namespace

TEST_CASE("ten steps of each recipe are PyTorch's ten steps") {
  check_training("dcgan", train_dcgan);
  check_training("wgan-gp", train_wgan_gp);
  check_training("sngan", train_sngan);
  check_training("r3gan", train_r3gan);
}
