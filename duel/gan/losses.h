// Adversarial losses. What the discriminator returns is called `real` for pictures of the data and `fake` for generated
// ones; every loss is a mean over all its elements (so a map of patches is averaged), shape [].
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "duel/autograd/variable.h"

namespace duel {

/// Whose scores the generator's loss is made of.
enum class GeneratorScores : std::uint8_t { fake, real_and_fake };

/// What scores should have been, each of the shape and dtype of its scores (see labels.h).
struct Targets {
  Variable real, fake;
};

/// The two sides of an adversarial game.
struct AdversarialLoss {
  using OfScores = std::function<Variable(const Variable& real, const Variable& fake)>;
  using OfTargets = std::function<Variable(const Variable& real, const Variable& fake, const Targets& targets)>;

  std::string name;
  OfScores discriminator;
  OfScores generator_of_scores;  ///< what `generator` calls; `real` is undefined unless it is needed
  GeneratorScores generator_scores = GeneratorScores::fake;
  OfTargets discriminator_of_targets{};  ///< none where the loss does not compare with 1 and 0
  std::optional<double> boundary = 0.0;  ///< between the scores of real and of fake; none where scores only compare

  /// The discriminator's side with other targets than 1 and 0; throws when the loss has none.
  Variable discriminator_towards(const Variable& real, const Variable& fake, const Targets& targets) const;
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

/// The k best of the generated pictures' scores, best first: [k] of `fake` [N] or [N, 1], 1 <= k <= N. The generator's
/// loss of these alone learns from no picture that the discriminator is sure of (top-k training, Sinha et al. 2020).
Variable top_k_scores(const Variable& fake, std::int64_t k);

struct TopKOptions {
  double gamma = 0.99;  ///< by what k is multiplied at the end of an epoch, in (0, 1]
  double nu = 0.5;      ///< the least part of the batch, in (0, 1]
};
/// k at an epoch, counted from 0: the larger one of batch gamma^epoch and batch nu, rounded down; 1 at least. Defaults
/// are PyTorch-StudioGAN's.
std::int64_t top_k_at(std::int64_t epoch, std::int64_t batch, const TopKOptions& options = {});

/// The sum of squares (Salimans et al. 2016, section 3.1), or the mean of absolute differences (MHGAN: Kavalerov et al.
/// 2021, whose generator adds it with weight 1).
enum class FeatureDistance : std::uint8_t { squares, mean_absolute };
/// Feature matching: the distance between the means over the batch of a discriminator's features of real and of
/// generated pictures, [N, ...] and [M, ...], for the generator. Shape [].
Variable feature_matching_loss(const Variable& real, const Variable& fake,
                               FeatureDistance distance = FeatureDistance::squares);

}  // namespace duel
