// Pictures to pictures: CycleGAN and pix2pix, one picture at a time, with the losses and rates of
// pytorch-CycleGAN-and-pix2pix; and Ganzo's pix2pix with its own.
#include "bench/workload.h"

namespace duel::bench {
namespace {

const AdamOptions kAdam{.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999};

// CycleGAN's pairs as one module, for its optimisers go over both.
template <class Network>
struct Both {
  Network a, b;
  void visit(Visitor& v) {
    v.child("a", a);
    v.child("b", b);
  }
};

// unet_256, or unet_128 for pictures of that size.
template <class Discriminator>
Step pix2pix_against(Inputs& inputs, Extent e, const typename Discriminator::Options& o) {
  Rng rng(1);
  Pix2pixGenerator unet(rng, {.halvings = e.side == 128 ? 7 : 8});
  auto players =
      std::make_shared<Players<Pix2pixGenerator, Discriminator>>(std::move(unet), Discriminator(rng, o), kAdam);
  const Tensor a = inputs.pictures("a", e, 3), b = inputs.pictures("b", e, 3);
  return step_of(players, [=](auto& p, Phases& phases) -> Losses {
    const Variable fake = p.generator(a);
    phases.end("generator forward");
    const Variable on_fake = p.discriminator(concat({a, fake.detach()}, 1));
    const Variable on_real = p.discriminator(concat({a, b}, 1));
    const double d = minimize(0.5 * kVanillaLoss.discriminator(on_real, on_fake), p.discriminator_optimizer);
    phases.end("discriminator");
    const Variable judged = p.discriminator(concat({a, fake}, 1));
    const double g = minimize(pix2pix_generator_loss(kVanillaLoss, judged, fake, b).total(), p.generator_optimizer);
    phases.end("generator");
    return {d, g};
  });
}

}  // namespace

Step cyclegan_256_forward(Inputs& inputs, Extent e) {
  Rng rng(1);
  auto generator = std::make_shared<CycleganGenerator>(rng, CycleganGeneratorOptions{});
  const Tensor picture = inputs.pictures("real", e, 3);
  return {[=](Phases& phases) -> Losses {
            phases.begin();
            const NoGrad no_grad;
            const Variable translated = (*generator)(picture);
            phases.end("generator forward");
            return {mean(abs(translated)).item()};
          },
          [=] {
            StateDict all;
            add_state(all, "generator.", state_dict(*generator));
            return all;
          }};
}

Step cyclegan_128(Inputs& inputs, Extent e) {
  Rng rng(1);
  using Generators = Both<CycleganGenerator>;
  using Discriminators = Both<PatchDiscriminator>;
  auto players = std::make_shared<Players<Generators, Discriminators>>(Generators{{rng, {}}, {rng, {}}},
                                                                       Discriminators{{rng, {}}, {rng, {}}}, kAdam);
  const Tensor a = inputs.pictures("a", e, 3), b = inputs.pictures("b", e, 3);
  return step_of(players, [=](auto& p, Phases& phases) -> Losses {
    auto& [to_b, to_a] = p.generator;
    auto& [judge_b, judge_a] = p.discriminator;
    const Variable fake_b = to_b(a), fake_a = to_a(b);
    const CyclePictures pictures{a, b, to_a(fake_b), to_b(fake_a), to_b(b), to_a(a), judge_b(fake_b), judge_a(fake_a)};
    const double g = minimize(cycle_generator_losses(kLeastSquaresLoss, pictures).total(), p.generator_optimizer);
    phases.end("generators");
    const double d = minimize(kLeastSquaresLoss.discriminator(judge_b(b), judge_b(fake_b.detach())) +
                                  kLeastSquaresLoss.discriminator(judge_a(a), judge_a(fake_a.detach())),
                              p.discriminator_optimizer);
    phases.end("discriminators");
    return {g, d};
  });
}

Step pix2pix(Inputs& inputs, Extent e) {
  return pix2pix_against<PatchDiscriminator>(inputs, e, {.in_channels = 6, .norm = TranslationNorm::batch});
}

Step pix2pix_pixel(Inputs& inputs, Extent e) {
  return pix2pix_against<PixelDiscriminator>(inputs, e, {.in_channels = 6, .norm = TranslationNorm::batch});
}

// u-gen, one of whose norms is not used, and patch-gan, which gives probabilities. The generator goes first, as there.
Step ganzo_pix2pix(Inputs& inputs, Extent e) {
  Rng rng(1);
  auto players = std::make_shared<Players<GanzoUGenerator, GanzoPatchDiscriminator>>(
      GanzoUGenerator(rng, {}), GanzoPatchDiscriminator(rng, {}), AdamOptions{.lr = 1e-4, .beta1 = 0, .beta2 = 0.9});
  const Tensor a = inputs.pictures("a", e, 3), b = inputs.pictures("b", e, 3);
  return step_of(players, [=](auto& p, Phases& phases) -> Losses {
    const Variable fake = p.generator(a);
    const Variable judged = p.discriminator(concat({a, fake}, 1));
    const double g = minimize(pix2pix_generator_loss(kGanLoss, judged, fake, b, 1).total(), p.generator_optimizer,
                              {.allow_unused = true});
    phases.end("generator");
    const Variable on_real = p.discriminator(concat({a, b}, 1));
    const Variable on_fake = p.discriminator(concat({a, fake.detach()}, 1));
    const double d = minimize(kGanLoss.discriminator(on_real, on_fake), p.discriminator_optimizer);
    phases.end("discriminator");
    return {g, d};
  });
}

}  // namespace duel::bench
