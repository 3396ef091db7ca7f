// The generators' losses of pix2pix and CycleGAN, term by term, with pytorch-CycleGAN-and-pix2pix's weights and names.
// The discriminators' are adversarial losses (losses.h), averaged.
#pragma once

#include <optional>

#include "duel/gan/losses.h"

namespace duel {

/// What both originals' discriminators minimise: the mean of the losses of real and of generated pictures, so that they
/// learn more slowly than the generators. (Our "lsgan" is that mean already, the other losses are sums.) With targets,
/// what the scores should have been instead of 1 and 0; throws for a loss that does not compare with any.
Variable translation_discriminator_loss(const AdversarialLoss& loss, const Variable& real, const Variable& fake,
                                        const std::optional<Targets>& targets = {});

struct Pix2pixGeneratorLoss {
  Variable gan, l1;  ///< shape [], weighted
  Variable total() const;
};

/// Isola et al. 2017, eq. 4: the adversarial loss (the original's is "vanilla") of the scores of the generated pictures
/// beside their inputs, plus `weight` times the mean distance from the wanted pictures; fake and target [N, C, H, W].
Pix2pixGeneratorLoss pix2pix_generator_loss(const AdversarialLoss& loss, const Variable& scores, const Variable& fake,
                                            const Variable& target, double weight = 100);

/// What CycleGAN's generators make of a batch of each domain, A: a -> b and B: b -> a, and what is said of it. All
/// pictures [N, C, H, W].
struct CyclePictures {
  Variable real_a, real_b;
  Variable rec_a, rec_b;        ///< B(A(a)) and A(B(b))
  Variable idt_a{}, idt_b{};    ///< A(b) and B(a); undefined if options.identity is 0
  Variable scores_a, scores_b;  ///< of A(a), by the judge of b's domain, and of B(b), by the other
};

struct CycleLossOptions {
  double lambda_a = 10, lambda_b = 10;  ///< of the cycles from a and from b
  double identity = 0.5;                ///< times the other domain's lambda; 0: no identity loss
};

/// Shape [], weighted; undefined without identity loss.
struct CycleGeneratorLosses {
  Variable g_a, g_b, cycle_a, cycle_b, idt_a{}, idt_b{};
  Variable total() const;
};

/// Zhu et al. 2017, eq. 3, with the identity loss of section 5.2: lambda_a mean|rec_a - a|, lambda_b mean|rec_b - b|,
/// identity lambda_b mean|A(b) - b|, identity lambda_a mean|B(a) - a|. The original's adversarial loss is "lsgan".
/// Throws for pictures that are missing or differ in shape.
CycleGeneratorLosses cycle_generator_losses(const AdversarialLoss& loss, const CyclePictures& pictures,
                                            const CycleLossOptions& options = {});

}  // namespace duel
