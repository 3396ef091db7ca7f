// A GAN learns eight Gaussians on a ring: the classical test for mode collapse. Prints how many of the eight modes its
// samples reach, and exits with 1 unless all of them are.
//
//   example_ring [seed]
#include <array>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <numbers>

#include "duel/duel.h"

using namespace duel;

namespace {

constexpr int kModes = 8;
constexpr double kRadius = 2, kStddev = 0.05;

Tensor centres() {
  std::vector<float> xy;
  for (int i = 0; i < kModes; ++i) {
    const double angle = 2 * std::numbers::pi * i / kModes;
    xy.push_back(static_cast<float>(kRadius * std::cos(angle)));
    xy.push_back(static_cast<float>(kRadius * std::sin(angle)));
  }
  return Tensor::from(xy, {kModes, 2});
}

Tensor real_points(Rng& rng, std::int64_t n) {
  const NoGrad no_grad;
  return (embedding(centres(), rng.integers({n}, kModes)) + rng.normal({n, 2}, 0, kStddev)).value();  // [n, 2]
}

Sequential mlp(Rng& rng, std::int64_t in, std::int64_t out) {
  return {{Linear(rng, in, 128), ReLU{}, Linear(rng, 128, 128), ReLU{}, Linear(rng, 128, out)}};
}

// How many of 2,000 samples lie within three standard deviations of each mode.
std::array<int, kModes> hits(const Tensor& samples) {
  std::array<int, kModes> count{};
  const std::vector<float> xy = samples.to_vector<float>(), centre = centres().to_vector<float>();
  for (std::size_t i = 0; i < xy.size(); i += 2)
    for (std::size_t m = 0; m < kModes; ++m)
      count[m] += std::hypot(xy[i] - centre[2 * m], xy[i + 1] - centre[2 * m + 1]) < 3 * kStddev;
  return count;
}

}  // namespace

int main(int argc, char** argv) try {
  constexpr std::int64_t kLatent = 16, kBatch = 256, kSteps = 2000;
  constexpr double kRate = 2e-3;
  Rng rng(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
  Sequential generator = mlp(rng, kLatent, 2), discriminator = mlp(rng, 2, 1);
  Adam g_optimizer(generator, {.lr = kRate, .beta1 = 0, .beta2 = 0.99});
  Adam d_optimizer(discriminator, {.lr = kRate, .beta1 = 0, .beta2 = 0.99});
  Ema average(generator, 0.995);

  for (std::int64_t step = 0; step < kSteps; ++step) {
    const double rate = kRate * (1 - static_cast<double>(step) / kSteps);  // falls to 0
    g_optimizer.set_lr(rate);
    d_optimizer.set_lr(rate);
    const Tensor real = real_points(rng, kBatch);
    const Variable fake = generator(rng.normal({kBatch, kLatent}));
    const Critic critic = [&](const Variable& x) { return discriminator(x); };
    Variable d_loss = kVanillaLoss.discriminator(critic(real), critic(fake.detach())) + r1_penalty(critic, real, 0.1);
    d_optimizer.step(grad(std::move(d_loss), d_optimizer.parameters()));
    Variable g_loss = kVanillaLoss.generator(critic(fake));
    g_optimizer.step(grad(std::move(g_loss), g_optimizer.parameters()));
    average.update(generator, step);
  }

  const NoGrad no_grad;
  const std::array<int, kModes> count = hits(average.model(rng.normal({2000, kLatent})).value());
  int covered = 0, good = 0;
  for (int c : count) {
    covered += c >= 20;
    good += c;
    std::cout << c << ' ';
  }
  std::cout << "of 2000 samples near the modes: " << covered << " of " << kModes << " modes covered, "
            << 100 * good / 2000 << "% of the samples good\n";
  return covered == kModes ? 0 : 1;
} catch (const std::exception& e) {
  std::cerr << "example_ring: " << e.what() << '\n';
  return 1;
}
