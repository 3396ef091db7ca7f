// Ten training steps of the recipes for translating pictures, pix2pix and CycleGAN, give PyTorch's losses.
#include "duel/gan/image_pool.h"
#include "duel/gan/models/cyclegan_generator.h"
#include "duel/gan/models/patch_discriminator.h"
#include "duel/gan/models/pix2pix_generator.h"
#include "duel/gan/translation_losses.h"
#include "duel/nn/losses.h"
#include "tests/gan/training_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Isola et al. 2017: the discriminator sees a picture beside its translation; it goes first, its loss halved.
Trained train_pix2pix(DType dtype) {
  auto G = started(made<Pix2pixGenerator>({.width = 1, .halvings = 5}), dtype);
  auto D = started(made<PatchDiscriminator>({.in_channels = 6, .width = 2, .norm = TranslationNorm::batch}), dtype);
  Adam g_optimizer(G, {.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999});
  Adam d_optimizer(D, {.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999});
  Data data{{2, 3, 32, 64}, dtype};
  Trained trained;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const Variable a = data.pictures(), b = data.pictures();
    const Variable fake = G(a);
    const Variable d_fake = bce_with_logits(D(concat({a, fake.detach()}, 1)), 0);
    const Variable d_real = bce_with_logits(D(concat({a, b}, 1)), 1);
    update(d_optimizer, 0.5 * (d_fake + d_real));
    const auto g = pix2pix_generator_loss(kVanillaLoss, D(concat({a, fake}, 1)), fake, b);
    update(g_optimizer, g.total());
    trained.record({d_real, d_fake, g.gan, g.l1});
  }
  trained.keep(G, D);
  return trained;
}

// Two networks under one optimiser: A makes or judges pictures of domain B, and B those of A.
template <class Network>
struct Both {
  Network A, B;
  void visit(Visitor& v) {
    v.child("A", A);
    v.child("B", B);
  }
};
template <class Network>
Both<Network> both(const typename Network::Options& options, DType dtype) {
  return started(Both<Network>{made<Network>(options), made<Network>(options)}, dtype);
}

// Zhu et al. 2017: generators first, then discriminators, which see pictures of a pool.
Trained train_cyclegan(DType dtype) {
  auto G = both<CycleganGenerator>({.width = 2, .blocks = 2}, dtype);
  auto D = both<PatchDiscriminator>({.width = 2, .halvings = 2}, dtype);
  Adam g_optimizer(G, {.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999});
  Adam d_optimizer(D, {.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999});
  ImagePool pool_a(3, {3, 24, 16}, {.dtype = dtype}), pool_b = clone(pool_a);  // full at the fourth step
  Data data{{1, 3, 24, 16}, dtype};
  Trained trained;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const Variable a = data.pictures(), b = data.pictures();
    const Variable fake_b = G.A(a), fake_a = G.B(b);
    const CyclePictures pictures{a, b, G.B(fake_b), G.A(fake_a), G.A(b), G.B(a), D.A(fake_b), D.B(fake_a)};
    const CycleGeneratorLosses g = cycle_generator_losses(kLeastSquaresLoss, pictures);
    update(g_optimizer, g.total());

    const Tensor seen_b = pool_b.query(fake_b.value(), data.rng), seen_a = pool_a.query(fake_a.value(), data.rng);
    const Variable d_a = kLeastSquaresLoss.discriminator(D.A(b), D.A(seen_b));
    const Variable d_b = kLeastSquaresLoss.discriminator(D.B(a), D.B(seen_a));
    update(d_optimizer, d_a + d_b);
    trained.record({d_a, g.g_a, g.cycle_a, g.idt_a, d_b, g.g_b, g.cycle_b, g.idt_b});
  }
  trained.keep(G, D);
  return trained;
}

}  // namespace

TEST_CASE("the losses of translation, by hand") {
  const auto flat = [](double value) { return Tensor::full({1, 1, 2, 2}, value, {.dtype = DType::float64}); };
  const auto p = pix2pix_generator_loss(kLeastSquaresLoss, flat(0), flat(0.5), flat(-0.25), 10);
  CHECK(p.gan.item() == 1);
  CHECK(p.l1.item() == 7.5);
  CHECK(p.total().item() == 8.5);
  const CyclePictures pictures{flat(0), flat(1), flat(0.5), flat(0.75), flat(0.5), flat(0.125), flat(1), flat(0)};
  const CycleLossOptions options{.lambda_a = 2, .lambda_b = 4, .identity = 0.5};
  const CycleGeneratorLosses c = cycle_generator_losses(kLeastSquaresLoss, pictures, options);
  CHECK(c.g_a.item() == 0);
  CHECK(c.g_b.item() == 1);
  CHECK(c.cycle_a.item() == 2 * 0.5);
  CHECK(c.cycle_b.item() == 4 * 0.25);
  CHECK(c.idt_a.item() == 0.5 * 4 * 0.5);
  CHECK(c.idt_b.item() == 0.5 * 2 * 0.125);
  CHECK(c.total().item() == 0 + 1 + 1 + 1 + 1 + 0.125);
  CyclePictures without = pictures;
  without.idt_a = without.idt_b = {};
  CHECK(cycle_generator_losses(kLeastSquaresLoss, without, {.identity = 0}).total().item() == 1 + 10 * 0.5 + 10 * 0.25);
  CHECK_FALSE(error_of([&] { cycle_generator_losses(kLeastSquaresLoss, without); }).empty());
  CHECK_FALSE(error_of([&] { cycle_generator_losses(kLeastSquaresLoss, pictures, {.lambda_a = -1}); }).empty());
}

TEST_CASE("ten steps of each translation recipe are PyTorch's ten steps") {
  check_training("pix2pix", train_pix2pix);
  check_training("cyclegan", train_cyclegan);
}
