// Adversarial losses. What the discriminator returns is called `real` for pictures of the data and `fake` for generated
// ones; every loss is a mean over all its elements (so a map of patches is averaged), shape [].
#pragma once

#include <string_view>
#include <vector>

#include "duel/autograd/variable.h"

namespace duel {

/// -mean(t log p + (1 - t) log(1 - p)) for probabilities p in [0, 1] and a constant target t. Logarithms are cut off
/// at log 1e-37 = -85.2, gradients being 0 beyond (PyTorch's BCELoss cuts at -100, where 1 / p would overflow float32).
Variable bce(const Variable& p, double target);
/// The same for logits x, p = sigmoid(x), in the form that does not overflow.
Variable bce_with_logits(const Variable& x, double target);
/// mean((x - target)^2)
Variable mse(const Variable& x, double target);

/// The two sides of an adversarial game.
struct AdversarialLoss {
  std::string_view name;
  Variable (*discriminator)(const Variable& real, const Variable& fake);
  Variable (*generator)(const Variable& fake);
};

/// Goodfellow et al. 2014 with the non-saturating generator, on probabilities: bce(real, 1) + bce(fake, 0); bce(fake,
/// 1).
extern const AdversarialLoss kGanLoss;
/// The same on logits: softplus(-real) + softplus(fake); softplus(-fake).
extern const AdversarialLoss kVanillaLoss;
/// Least squares (Mao et al. 2017), CycleGAN's convention: (mse(real, 1) + mse(fake, 0)) / 2; mse(fake, 1).
extern const AdversarialLoss kLeastSquaresLoss;
/// Wasserstein (Arjovsky et al. 2017): mean(fake) - mean(real); -mean(fake). The critic must be kept Lipschitz, by
/// `clip_weights` or a gradient penalty.
extern const AdversarialLoss kWassersteinLoss;
/// Hinge (Lim and Ye 2017): mean(relu(1 - real)) + mean(relu(1 + fake)); -mean(fake).
extern const AdversarialLoss kHingeLoss;

/// "gan", "vanilla", "lsgan", "wgan", "hinge".
const std::vector<AdversarialLoss>& adversarial_losses();
/// By name; throws, listing the names, if there is none such.
const AdversarialLoss& adversarial_loss(std::string_view name);

}  // namespace duel
