// fastai's networks for restoring pictures, each as its training begins: the critic alone, and the U-Net alone on
// pictures and their originals.
#include "bench/workload.h"

namespace duel::bench {
namespace {

const AdamOptions kAdam{.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.99};

}  // namespace

// gan_critic without its dropout, whose draws would not be PyTorch's.
Step fastai_critic(Inputs& inputs, Extent e) {
  Rng rng(1);
  auto player = std::make_shared<Player<FastaiCritic>>("discriminator.", FastaiCritic(rng, {.dropout = 0}), kAdam);
  const Tensor real = inputs.pictures("real", e, 3), fake = inputs.pictures("fake", e, 3);
  return step_of(player, [=](auto& p, Phases& phases) -> Losses {
    Rng unused(0);
    const Critic critic = [&](const Variable& x) { return p.network(x, {.rng = &unused}); };
    const ScorePair scores = scores_of_both(critic, real, fake);
    phases.end("forward");
    const double loss = minimize(0.5 * kVanillaLoss.discriminator(scores.real, scores.fake), p.optimizer);
    phases.end("backward");
    return {loss};
  });
}

// With the options of fastai's super-resolution.
Step fastai_unet(Inputs& inputs, Extent e) {
  Rng rng(1);
  const FastaiUnetOptions o{.size = {e.side, e.side},
                            .norm = FastaiNorm::weight,
                            .blur = UnetBlur::all,
                            .attention = UnetAttention::third_last,
                            .range = PixelRange{-3, 3}};
  FastaiUnet unet(rng, resnet_encoder(rng, resnet_configuration("resnet34")), o);
  auto player = std::make_shared<Player<FastaiUnet>>("generator.", std::move(unet), kAdam);
  const Tensor a = inputs.pictures("a", e, 3), b = inputs.pictures("b", e, 3);
  return step_of(player, [=](auto& p, Phases& phases) -> Losses {
    Variable distance = l1(p.network(a), b);
    phases.end("forward");
    const double loss = minimize(std::move(distance), p.optimizer);
    phases.end("backward");
    return {loss};
  });
}

}  // namespace duel::bench
