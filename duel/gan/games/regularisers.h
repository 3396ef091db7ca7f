// What can be added to both sides of an adversarial game, by name and weight: the penalties of penalties.h, the losses
// that a discriminator's heads are for, augmentations, and labels that are not 1 and 0.
#pragma once

#include <string>
#include <vector>

#include "duel/gan/augment.h"
#include "duel/gan/labels.h"
#include "duel/gan/models/network.h"
#include "duel/gan/penalties.h"

namespace duel {

/// Weights of 0 turn their terms off. Penalties on gradients look at pictures that are not augmented.
struct RegulariserOptions {
  double gradient_penalty = 0;  ///< WGAN-GP's lambda; 10 in the paper
  PenaltyAt gradient_penalty_at = PenaltyAt::mixed;
  NormOver gradient_penalty_over = NormOver::sample;
  double max_gradient_penalty = 0;
  double dragan = 0;
  double r1_gamma = 0, r2_gamma = 0;  ///< R1 and R2 are gamma / 2 times the squared gradient
  std::int64_t r1_interval = 1;       ///< steps between two of each, weighted by the interval (lazy regularisation)
  bool lazy_betas = false;            ///< correct the discriminator's Adam for the interval, see `lazy`
  double clip = 0;                    ///< limit of the discriminator's weights after each update; 0: none
  /// Of the orthogonal penalty on weights of two dimensions and more, but for embeddings called "shared".
  double discriminator_orthogonality = 0, generator_orthogonality = 0;
  double lecam = 0;
  double consistency = 0;                                 ///< CR
  double balanced_real = 0, balanced_fake = 0;            ///< bCR
  double latent_discriminator = 0, latent_generator = 0;  ///< zCR
  double latent_noise = 0.03;                             ///< its deviation
  std::string augment;                                    ///< DiffAugment's policy: "color,translation,cutout"
  double augment_probability = 1;                         ///< of each part, for each picture; ADA's is its own
  TargetOptions targets{};                                ///< of the discriminator's updates
  /// Of the distance between the discriminator's mean features of real and of generated pictures, which the generator
  /// adds to its loss (Salimans et al. 2016; MHGAN has 1 and mean_absolute). For discriminators that tell features.
  double feature_matching = 0;
  FeatureDistance feature_distance = FeatureDistance::squares;
  double top_k = 1;           ///< the least part of the batch that the generator learns from; 1: all
  double top_k_gamma = 0.99;  ///< by what the part shrinks with each epoch
  double class_weight = 1;    ///< times the published weights of the class_losses() of the discriminator's head
  double rotation_discriminator = 1, rotation_generator = 0.2;  ///< SSGAN, of a discriminator with that head
  double infomax = 0.2;                                         ///< InfoMax-GAN, the same
};

/// Throws for what can't be.
void validate(const RegulariserOptions& options);

/// Whether penalties that are due at intervals are in a loss.
enum class Penalty : std::uint8_t { without, with };

/// What is added to an adversarial loss: weighted, but for the interval.
struct LossTerm {
  const char* name;
  Variable value;
  double interval = 1;
};
using LossTerms = std::vector<LossTerm>;

/// The loss that a discriminator's conditioning is for; null if that is in its scores alone.
const ClassLoss* class_loss_of(const Blueprint& discriminator);
/// Whether it has heads whose losses are to be added: of classes, of self-supervision.
bool has_heads(const Blueprint& discriminator);

/// Whether its weights are spectrally normalised.
bool has_spectral_norm(const Blueprint& network);

/// A game's discriminator, asked about pictures of some labels.
struct Judge {
  Network& network;
  Tensor labels;  ///< int64 [N]; undefined without classes
  const RegulariserOptions& options;
  Rng& draws;                      ///< for augmentations and dropout
  Probability augmentation = 1.0;  ///< how likely each augmentation is

  Variable scores(const Variable& pictures) { return network(pictures, labels, {.rng = &draws}); }
  Judgement judge(const Variable& pictures, PictureOrigin origin) {
    return network.judge(pictures, labels, origin, {.rng = &draws});
  }
  Critic critic() {
    return [this](const Variable& pictures) { return scores(pictures); };
  }
  /// The pictures as the discriminator is shown them.
  Variable augmented(const Variable& pictures);
};

/// The scores of both: in one pass where no norm is over the batch, so that each picture is judged by itself. (A
/// spectral norm then moves once, as in BigGAN-PyTorch, not twice.)
ScorePair scores_of_both(Judge& judge, const Variable& real, const Variable& fake);

struct JudgedPair {
  Tensor real, fake;  ///< pictures
  ScorePair scores;
};
/// All terms of the discriminator's loss that need its gradient, which is taken at pictures that are not augmented:
/// gradient_penalty, max_gradient_penalty, dragan, r1, r2.
LossTerms gradient_terms(Judge& judge, const JudgedPair& pair, Penalty penalty);
/// consistency, balanced_consistency: of scores of the pictures as the discriminator was shown them.
LossTerms consistency_terms(Judge& judge, const JudgedPair& pair);

/// class, infomax, rotation: of both judgements, and of the real pictures.
LossTerms discriminator_head_terms(Judge& judge, const ClassLoss* loss, const Judgement& real, const Judgement& fake,
                                   const Variable& real_pictures);
/// The same of generated pictures.
LossTerms generator_head_terms(Judge& judge, const ClassLoss* loss, const Judgement& fake,
                               const Variable& fake_pictures);

/// orthogonality: of a network's weights. None for a weight of 0.
LossTerms orthogonality_terms(Network& network, double weight);

}  // namespace duel
