#include "duel/gan/translation_losses.h"

#include "duel/autograd/ops.h"
#include "duel/nn/losses.h"

namespace duel {

Variable translation_discriminator_loss(const AdversarialLoss& loss, const Variable& real, const Variable& fake,
                                        const std::optional<Targets>& targets) {
  const Variable both = targets ? loss.discriminator_towards(real, fake, *targets) : loss.discriminator(real, fake);
  return loss.name == kLeastSquaresLoss.name ? both : 0.5 * both;
}

Variable Pix2pixGeneratorLoss::total() const { return gan + l1; }

Pix2pixGeneratorLoss pix2pix_generator_loss(const AdversarialLoss& loss, const Variable& scores, const Variable& fake,
                                            const Variable& target, double weight) {
  check(weight >= 0, "pix2pix_generator_loss", "the weight must not be negative, got ", weight);
  return {loss.generator(scores), weight * l1(fake, target)};
}

Variable CycleGeneratorLosses::total() const {
  const Variable without_identity = g_a + g_b + cycle_a + cycle_b;
  return idt_a.defined() ? without_identity + idt_a + idt_b : without_identity;
}

CycleGeneratorLosses cycle_generator_losses(const AdversarialLoss& loss, const CyclePictures& p,
                                            const CycleLossOptions& o) {
  check(o.lambda_a >= 0 && o.lambda_b >= 0 && o.identity >= 0, "cycle_generator_losses",
        "weights must not be negative, got ", o.lambda_a, ", ", o.lambda_b, " and ", o.identity);
  CycleGeneratorLosses losses{loss.generator(p.scores_a), loss.generator(p.scores_b),
                              o.lambda_a * l1(p.rec_a, p.real_a), o.lambda_b * l1(p.rec_b, p.real_b)};
  if (o.identity > 0) {
    losses.idt_a = o.identity * o.lambda_b * l1(p.idt_a, p.real_b);
    losses.idt_b = o.identity * o.lambda_a * l1(p.idt_b, p.real_a);
  }
  return losses;
}

}  // namespace duel
