// WGAN-GP (Gulrajani et al. 2017) on Fashion-MNIST. The penalty is a function of the critic's gradient, so training the
// critic differentiates a gradient: `grad` with .create_graph inside gradient_penalty, then `grad` again.
// Writes a picture of 64 samples to wgan_gp.png from time to time.
//
//   example_wgan_gp [steps [folder of the data set]]
#include <cstdlib>
#include <iostream>

#include "duel/duel.h"
#include "duel/gan/media/idx.h"
#include "duel/gan/media/png.h"

using namespace duel;

namespace {

constexpr std::int64_t kLatent = 64, kBatch = 64, kCriticSteps = 5;
constexpr double kLambda = 10;

// z [N, 64] -> pictures [N, 1, 28, 28]
Sequential make_generator(Rng& rng) {
  return {{Linear(rng, kLatent, 64 * 7 * 7), Unflatten{{64, 7, 7}}, BatchNorm2d(64), ReLU{},
           ConvTranspose2d(rng, 64, 32, {.kernel = 4, .stride = 2, .padding = 1}), BatchNorm2d(32), ReLU{},
           ConvTranspose2d(rng, 32, 1, {.kernel = 4, .stride = 2, .padding = 1}), Tanh{}}};
}

// pictures [N, 1, 28, 28] -> scores [N, 1]; no batch norm, since the penalty is per sample
Sequential make_critic(Rng& rng) {
  return {{Conv2d(rng, 1, 32, {.kernel = 4, .stride = 2, .padding = 1}), LeakyReLU{},
           Conv2d(rng, 32, 64, {.kernel = 4, .stride = 2, .padding = 1}), LeakyReLU{}, Flatten{},
           Linear(rng, 64 * 7 * 7, 1)}};
}

}  // namespace

int main(int argc, char** argv) try {
  const std::int64_t steps = argc > 1 ? std::strtoll(argv[1], nullptr, 10) : 500;
  const TensorDataset data = load_idx_dataset(argc > 2 ? argv[2] : "/usr/share/datasets/fashion-mnist", Split::train);
  DataLoader batches(data, {.batch_size = kBatch, .seed = 1});

  Rng rng(1);
  Sequential generator = make_generator(rng), critic = make_critic(rng);
  Adam g_optimizer(generator, {.lr = 2e-4, .beta1 = 0, .beta2 = 0.9});
  Adam c_optimizer(critic, {.lr = 2e-4, .beta1 = 0, .beta2 = 0.9});
  const Critic score = [&](const Variable& x) { return critic(x); };
  const Tensor fixed_z = rng.normal({64, kLatent});

  for (std::int64_t step = 1; step <= steps; ++step) {
    double distance = 0;  // the critic's estimate of the Wasserstein distance
    for (std::int64_t i = 0; i < kCriticSteps; ++i) {
      const Tensor real = batches.next().pictures;
      const Variable fake = generator(rng.normal({kBatch, kLatent})).detach();
      const Variable loss = kWassersteinLoss.discriminator(score(real), score(fake));
      distance = -loss.item();
      Variable penalised = loss + kLambda * gradient_penalty(score, real, fake.value(), rng);
      c_optimizer.step(grad(std::move(penalised), c_optimizer.parameters()));
    }
    Variable loss = kWassersteinLoss.generator(score(generator(rng.normal({kBatch, kLatent}))));
    g_optimizer.step(grad(std::move(loss), g_optimizer.parameters()));

    if (step % 50 == 0 || step == steps) {
      std::cout << "step " << step << "  Wasserstein estimate " << distance << std::endl;
      const NoGrad no_grad;
      const Tensor samples = generator(fixed_z, {.mode = Mode::eval}).value();
      write_png("wgan_gp.png", picture_grid(to_uint8(samples), 8));
    }
  }
} catch (const std::exception& e) {
  std::cerr << "example_wgan_gp: " << e.what() << '\n';
  return 1;
}
