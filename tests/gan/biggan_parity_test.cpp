// Ten training steps of BigGAN-PyTorch's recipe give PyTorch's losses, networks and average.
#include "duel/gan/losses.h"
#include "duel/gan/models/biggan.h"
#include "duel/nn/ema.h"
#include "tests/gan/training_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr double kOrthogonal = 1e-4;

// The parameters but for the shared embedding, which is not regularised.
Variables regularised(BigganGenerator& G) {
  Variables found;
  for (const auto& [name, p] : named_parameters(G))
    if (name != "shared.weight") found.push_back(p);
  return found;
}

// Brock et al. 2019 as BigGAN-PyTorch trains: two updates of the discriminator for one of the generator, gradients of
// two batches in each, orthogonal regularisation of both networks, and an average of all of the generator's state.
Trained train_biggan(DType dtype) {
  BigganGeneratorOptions g_options{.resolution = 32, .width = 2, .classes = 3, .latent = 8, .attention = "16"};
  g_options.embedding = ClassEmbedding::shared;
  g_options.shared = 4;
  g_options.latent_use = LatentUse::hierarchical;
  auto G = started_with_buffers(made<BigganGenerator>(g_options), dtype);
  auto D = started_with_buffers(
      made<BigganDiscriminator>({.resolution = 32, .width = 2, .classes = 3, .attention = "16"}), dtype);
  Ema<BigganGenerator> average(G, 0.9, 4, EmaBuffers::average);
  Adam g_optimizer(G, {.lr = 5e-5, .beta1 = 0, .beta2 = 0.999});
  Adam d_optimizer(D, {.lr = 2e-4, .beta1 = 0, .beta2 = 0.999});
  Data data{{2, 3, 32, 32}, dtype};
  const int batches = 2;

  // Both kinds of pictures in one pass, which moves the singular vectors once.
  const auto discriminator_loss = [&] {
    const Tensor real = data.pictures(), y_real = data.labels(3), z = data.noise(8), y = data.labels(3);
    const Tensor fake = G(z, y).value();
    const Tensor both = concat({y_real, y}, 0).value();
    const auto [on_real, on_fake] = scores_of_both([&](const Variable& x) { return D(x, both); }, real, fake);
    return kHingeLoss.discriminator(on_real, on_fake) / batches;
  };
  const auto generator_loss = [&] {
    const Tensor z = data.noise(8), y = data.labels(3);
    return kHingeLoss.generator(D(G(z, y), y)) / batches;
  };

  Trained trained;
  const auto update_with = [&](Optimizer& optimizer, const auto& loss_of_batch, const Variables& orthogonal) {
    Variables grads;
    for (int batch = 0; batch < batches; ++batch) {
      const Variable loss = loss_of_batch();
      accumulate(grads, grad(loss, optimizer.parameters()));
      trained.record({loss});
    }
    const Variable penalty = kOrthogonal * orthogonal_penalty(orthogonal);
    accumulate(grads, grad(penalty, optimizer.parameters(), {.allow_unused = true}));
    optimizer.step(grads);
  };
  for (std::int64_t step = 0; step < kSteps; ++step) {
    for (int d_step = 0; d_step < 2; ++d_step) update_with(d_optimizer, discriminator_loss, d_optimizer.parameters());
    update_with(g_optimizer, generator_loss, regularised(G));
    average.update(G, step);
  }
  trained.keep(G, D, average.model);
  return trained;
}

}  // namespace

TEST_CASE("ten steps of BigGAN's recipe are PyTorch's ten steps") { check_training("biggan", train_biggan); }
