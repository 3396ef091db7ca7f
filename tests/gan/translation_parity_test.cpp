// Ten training steps of the recipes for translating pictures, pix2pix and CycleGAN, give PyTorch's losses.
#include "duel/gan/image_pool.h"
#include "duel/gan/losses.h"
#include "duel/gan/models/cyclegan_generator.h"
#include "duel/gan/models/patch_discriminator.h"
#include "duel/gan/models/pix2pix_generator.h"
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
    const Variable g_gan = bce_with_logits(D(concat({a, fake}, 1)), 1);
    const Variable g_l1 = 100 * l1(fake, b);
    update(g_optimizer, g_gan + g_l1);
    trained.record({d_real, d_fake, g_gan, g_l1});
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
  const double lambda = 10, lambda_identity = 0.5 * lambda;
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
    const Variable g_a = kLeastSquaresLoss.generator(D.A(fake_b)), g_b = kLeastSquaresLoss.generator(D.B(fake_a));
    const Variable cycle_a = lambda * l1(G.B(fake_b), a), cycle_b = lambda * l1(G.A(fake_a), b);
    const Variable idt_a = lambda_identity * l1(G.A(b), b), idt_b = lambda_identity * l1(G.B(a), a);
    update(g_optimizer, g_a + g_b + cycle_a + cycle_b + idt_a + idt_b);

    const Tensor seen_b = pool_b.query(fake_b.value(), data.rng), seen_a = pool_a.query(fake_a.value(), data.rng);
    const Variable d_a = kLeastSquaresLoss.discriminator(D.A(b), D.A(seen_b));
    const Variable d_b = kLeastSquaresLoss.discriminator(D.B(a), D.B(seen_a));
    update(d_optimizer, d_a + d_b);
    trained.record({d_a, g_a, cycle_a, idt_a, d_b, g_b, cycle_b, idt_b});
  }
  trained.keep(G, D);
  return trained;
}

}  // namespace

TEST_CASE("ten steps of each translation recipe are PyTorch's ten steps") {
  check_training("pix2pix", train_pix2pix);
  check_training("cyclegan", train_cyclegan);
}
