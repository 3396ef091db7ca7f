// Adversarial losses. What the discriminator returns is called `real` for pictures of the data and `fake` for generated
// ones; every loss is a mean over all its elements (so a map of patches is averaged), shape [].
#pragma once

#include <string_view>
#include <vector>

#include "duel/autograd/variable.h"

namespace duel {

/// Whose scores the generator's loss is made of.
enum class GeneratorScores : std::uint8_t { fake, real_and_fake };

/// The two sides of an adversarial game.
struct AdversarialLoss {
  using OfScores = Variable (*)(const Variable& real, const Variable& fake);

  std::string_view name;
  OfScores discriminator;
  OfScores generator_of_scores;  ///< what `generator` calls; `real` is undefined unless it is needed
  GeneratorScores generator_scores = GeneratorScores::fake;

  Variable generator(const Variable& real, const Variable& fake) const { return generator_of_scores(real, fake); }
  /// Without scores of real pictures; throws when the loss needs them.
  Variable generator(const Variable& fake) const;
};

/// Goodfellow et al. 2014 with the non-saturating generator, on probabilities: bce(real, 1) + bce(fake, 0); bce(fake,
/// 1).
extern const AdversarialLoss kGanLoss;
/// The same on logits: softplus(-real) + softplus(fake); softplus(-fake). BigGAN-PyTorch's "dcgan", MMGeneration's
/// "wgan-logistic-ns", StyleGAN's "logistic".
extern const AdversarialLoss kVanillaLoss;
/// The same with the saturating generator, Goodfellow et al. 2014, eq. 1: softplus(-real) + softplus(fake);
/// -softplus(fake), which is log(1 - p).
extern const AdversarialLoss kMinimaxLoss;
/// Least squares (Mao et al. 2017), CycleGAN's convention: (mse(real, 1) + mse(fake, 0)) / 2; mse(fake, 1).
extern const AdversarialLoss kLeastSquaresLoss;
/// Wasserstein (Arjovsky et al. 2017): mean(fake) - mean(real); -mean(fake). The critic must be kept Lipschitz, by
/// `clip_weights` or a gradient penalty.
extern const AdversarialLoss kWassersteinLoss;
/// Hinge (Lim and Ye 2017): mean(relu(1 - real)) + mean(relu(1 + fake)); -mean(fake).
extern const AdversarialLoss kHingeLoss;
/// Relativistic pairs (Jolicoeur-Martineau 2019; R3GAN, Huang et al. 2024): softplus(-(real - fake)); softplus(-(fake -
/// real)). Each score of a real picture is compared with the fake one in its place, so both are of one shape.
extern const AdversarialLoss kRelativisticLoss;

/// "gan", "vanilla", "minimax", "lsgan", "wgan", "hinge", "relativistic".
const std::vector<AdversarialLoss>& adversarial_losses();
/// By name, or by a name it has elsewhere ("dcgan", "wgan-logistic-ns" and "logistic" for "vanilla", "r3gan" and
/// "rpgan" for "relativistic"); throws, listing the names, if there is none such.
const AdversarialLoss& adversarial_loss(std::string_view name);

}  // namespace duel
