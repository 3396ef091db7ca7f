// Trains a tiny GAN to draw numbers around 3, and checks a gradient of a gradient on the way.
#include <cmath>
#include <iostream>

#include <duel/duel.h>

using namespace duel;

int main() {
  Rng rng(1);
  Sequential generator{{Linear(rng, 4, 16), LeakyReLU{}, Linear(rng, 16, 1)}};
  Sequential discriminator{{Linear(rng, 1, 16), LeakyReLU{}, Linear(rng, 16, 1)}};
  Adam g_optimizer(generator, {.lr = 5e-3, .beta1 = 0}), d_optimizer(discriminator, {.lr = 5e-3, .beta1 = 0});
  const Critic critic = [&](const Variable& x) { return discriminator(x); };

  for (int step = 0; step < 500; ++step) {
    const Tensor real = rng.normal({64, 1}, 3, 0.5);
    const Variable fake = generator(rng.normal({64, 4}));
    Variable d_loss = kVanillaLoss.discriminator(critic(real), critic(fake.detach())) + r1_penalty(critic, real, 1);
    d_optimizer.step(grad(std::move(d_loss), d_optimizer.parameters()));
    Variable g_loss = kVanillaLoss.generator(critic(fake));
    g_optimizer.step(grad(std::move(g_loss), g_optimizer.parameters()));
  }

  const Variable x = Variable::leaf(Tensor::scalar(2));
  const Variable slope = grad(pow(x, 3), {x}, {.create_graph = true})[0];  // 3 x^2 = 12
  const double curvature = grad(slope, {x})[0].item();                     // 6 x = 12
  const double drawn = mean(generator(rng.normal({1000, 4}))).item();
  std::cout << "mean of 1000 drawn numbers: " << drawn << ", curvature of x^3 at 2: " << curvature << '\n';
  return std::abs(drawn - 3) < 1 && std::abs(curvature - 12) < 1e-5 ? 0 : 1;
}
