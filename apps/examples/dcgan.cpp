// DCGAN (Radford et al. 2016) on Fashion-MNIST, as plainly as it can be written: two networks, two optimisers, a loop.
// Writes a picture of 64 samples to dcgan.png from time to time.
//
//   example_dcgan [steps [folder of the data set]]
#include <cstdlib>
#include <iostream>

#include "duel/duel.h"
#include "duel/gan/media/idx.h"
#include "duel/gan/media/png.h"

using namespace duel;

namespace {

constexpr std::int64_t kLatent = 100, kBatch = 64;

// z [N, 100] -> pictures [N, 1, 28, 28]
Sequential make_generator(Rng& rng) {
  return {{Linear(rng, kLatent, 128 * 7 * 7, {.bias = Bias::no}), Unflatten{{128, 7, 7}}, BatchNorm2d(128), ReLU{},
           ConvTranspose2d(rng, 128, 64, {.kernel = 4, .stride = 2, .padding = 1, .bias = Bias::no}), BatchNorm2d(64),
           ReLU{}, ConvTranspose2d(rng, 64, 1, {.kernel = 4, .stride = 2, .padding = 1}), Tanh{}}};
}

// pictures [N, 1, 28, 28] -> logits [N, 1]
Sequential make_discriminator(Rng& rng) {
  return {{Conv2d(rng, 1, 64, {.kernel = 4, .stride = 2, .padding = 1}), LeakyReLU{},
           Conv2d(rng, 64, 128, {.kernel = 4, .stride = 2, .padding = 1, .bias = Bias::no}), BatchNorm2d(128),
           LeakyReLU{}, Flatten{}, Linear(rng, 128 * 7 * 7, 1)}};
}

}  // namespace

int main(int argc, char** argv) try {
  const std::int64_t steps = argc > 1 ? std::strtoll(argv[1], nullptr, 10) : 1000;
  const TensorDataset data = load_idx_dataset(argc > 2 ? argv[2] : "/usr/share/datasets/fashion-mnist", Split::train);
  DataLoader batches(data, {.batch_size = kBatch, .seed = 1});

  Rng rng(1);
  Sequential generator = make_generator(rng), discriminator = make_discriminator(rng);
  Adam g_optimizer(generator, {.lr = 2e-4, .beta1 = 0.5});
  Adam d_optimizer(discriminator, {.lr = 2e-4, .beta1 = 0.5});
  const Tensor fixed_z = rng.normal({64, kLatent});

  for (std::int64_t step = 1; step <= steps; ++step) {
    const Tensor real = batches.next().pictures;
    const Variable fake = generator(rng.normal({kBatch, kLatent}));

    Variable d_loss = kVanillaLoss.discriminator(discriminator(real), discriminator(fake.detach()));
    const double d = d_loss.item();
    d_optimizer.step(grad(std::move(d_loss), d_optimizer.parameters()));

    Variable g_loss = kVanillaLoss.generator(discriminator(fake));
    const double g = g_loss.item();
    g_optimizer.step(grad(std::move(g_loss), g_optimizer.parameters()));

    if (step % 100 == 0 || step == steps) {
      std::cout << "step " << step << "  D " << d << "  G " << g << std::endl;
      const NoGrad no_grad;
      const Tensor samples = generator(fixed_z, {.mode = Mode::eval}).value();
      write_png("dcgan.png", picture_grid(to_uint8(samples), 8));
    }
  }
} catch (const std::exception& e) {
  std::cerr << "example_dcgan: " << e.what() << '\n';
  return 1;
}
