// Losses about more than real and fake. Of classes: AC, TAC, ADC, 2C, D2D-CE and multi-hinge, as PyTorch-StudioGAN has
// them. Of classes that the pictures themselves give: SSGAN's rotations and InfoMax-GAN's pairs of features, as mimicry
// has them. All return a Variable of shape [], a mean over samples, without the weight they are multiplied by; they can
// be differentiated to any order, and throw for undefined inputs and for shapes that do not fit.
#pragma once

#include <string_view>
#include <vector>

#include "duel/autograd/variable.h"

namespace duel {

/// How a discriminator deals with the classes of its pictures; in brackets StudioGAN's d_cond_mtd.
///   none                 [W/O] not at all
///   projection           [PD] logit + <embedding of the class, features> (Miyato and Koyama 2018)
///   classifier           [AC] it tells the classes (Odena et al. 2017)
///   contrastive          [2C] an embedding of the picture is near that of its class (ContraGAN: Kang and Park 2020)
///   data_to_data         [D2DCE] the same, for another loss (ReACGAN: Kang et al. 2021)
///   multi_hinge          [MH] scores of all classes and, last, of generated pictures (Kavalerov et al. 2021)
///   multi_discriminator  [MD] a logit for each class, of which the picture's own counts
enum class ClassConditioning : std::uint8_t {
  projection,
  none,
  classifier,
  contrastive,
  data_to_data,
  multi_hinge,
  multi_discriminator
};

/// What is beside a classifier (or embedding), against its taste for pictures that are easy to tell; [aux_cls_type].
///   twin             [TAC] a second one, trained on generated pictures alone (Gong et al. 2019)
///   discriminative   [ADC] twice as many classes: those of real and those of generated pictures (Hou et al. 2022)
enum class AuxiliaryClassifier : std::uint8_t { none, twin, discriminative };

/// Whose pictures a discriminator is to take them for.
enum class PictureOrigin : std::uint8_t { real, fake };

/// What a discriminator says of N pictures. Undefined is what its conditioning does not have.
struct ClassJudgement {
  Variable logits{};              ///< [N], or scores [N, classes + 1] of `multi_hinge`
  Variable features{};            ///< [N, F]
  Tensor labels{};                ///< int64 [N], as the losses take them: see `discriminative_labels`
  Variable classes{};             ///< [N, classes] of the classifier, [N, 2 classes] of the discriminative one
  Variable embedding{}, proxy{};  ///< [N, E] of the pictures and of their labels, of length 1
  Variable twin_classes{}, twin_embedding{}, twin_proxy{};  ///< the same of the twin
};

/// ADC's labels: 2 y for real pictures and 2 y + 1 for generated ones; y int64 [N].
Tensor discriminative_labels(const Tensor& labels, PictureOrigin origin);

/// x [N, E], each row over its length or eps, whichever is larger (so a row of zeros stays one).
Variable unit_rows(const Variable& x, double eps);

struct ContrastiveOptions {
  double temperature = 1;  ///< above 0
};
/// 2C, the conditional contrastive loss (Kang and Park 2020): with s the cosines of picture i's embedding,
///   -log (exp(s_proxy) + sum of exp(s_j) over others of its class) / (exp(s_proxy) + sum over all others),
/// all s being divided by the temperature first. embedding and proxy [N, E], labels int64 [N], which are only compared.
/// 0 if there is no other class in the batch. The cosine with a row of zeros is 0, its gradient of the size 1 / 1e-8.
Variable conditional_contrastive_loss(const Variable& embedding, const Variable& proxy, const Tensor& labels,
                                      const ContrastiveOptions& options = {});

/// What becomes of D2D-CE's repulsions r_j.
///   studiogan   the row's largest (cos + m_p - 1) / T, of the picture's own class too, is subtracted as a constant, as
///               StudioGAN's program does for numerical stability. As nothing is subtracted from the attraction, this
///               changes the loss
///   paper       nothing, as published; the sums here need no such help
enum class Repulsion : std::uint8_t { studiogan, paper };

struct DataToDataOptions {
  double temperature = 0.5;  ///< above 0
  double margin =
      0.98;  ///< m_p, in [-1, 1]: an embedding need not be nearer to its proxy; others may be as near as 1 - m_p
  Repulsion repulsion = Repulsion::studiogan;
};
/// D2D-CE, the data-to-data cross-entropy (Kang et al. 2021): with a = relu((m_p - cos(embedding, proxy)) / T)
/// and r_j = relu((cos(embedding, embedding_j) + m_p - 1) / T) for those of other classes,
///   a + log(exp(-a) + sum_j exp(r_j)).
/// Inputs and zeros as for `conditional_contrastive_loss`; 0 if there is no other class. Multiply by 0.5.
Variable data_to_data_loss(const Variable& embedding, const Variable& proxy, const Tensor& labels,
                           const DataToDataOptions& options = {});

/// Crammer and Singer's hinge, relu(1 + largest other score - the label's): scores [N, K], K of 2 or more, labels int64
/// [N] in [0, K). Equal largest scores share the gradient. As MHGAN's, K is the classes and one for generated pictures.
Variable multi_hinge_loss(const Variable& scores, const Tensor& labels);

/// Whether a class loss is added to an adversarial one, or is both.
enum class ClassLossPlace : std::uint8_t { beside_adversarial, instead_of_adversarial };

/// The class part of a conditional GAN's game, for judgements of a discriminator with that conditioning.
struct ClassLoss {
  std::string_view name;
  ClassConditioning conditioning;
  AuxiliaryClassifier auxiliary = AuxiliaryClassifier::none;
  /// `fake` must be judged as PictureOrigin::fake.
  Variable (*discriminator)(const ClassJudgement& real, const ClassJudgement& fake);
  /// `fake` must be judged as PictureOrigin::real.
  Variable (*generator)(const ClassJudgement& fake);
  double discriminator_weight = 1, generator_weight = 1;  ///< StudioGAN's for CIFAR10, to multiply by
  ClassLossPlace place = ClassLossPlace::beside_adversarial;
};

/// With C the cross entropy of classes and T that of the twin's, C' that for labels of generated pictures:
///   "ac"                C(real); C(fake)
///   "tac"               C(real) + T(fake); C(fake) - T(fake)
///   "adc"               C(real) + C'(fake); C(fake) - C'(fake)
///   "2c", "d2d-ce"      of real; of fake
///   "mh"                multi-hinge of real and of fake ones as class K; of fake ones with their labels
///   "projection", "md"  0: the class is in the logits
const std::vector<ClassLoss>& class_losses();
/// By name; throws, listing the names, if there is none such.
const ClassLoss& class_loss(std::string_view name);

/// Pictures [N, C, H, W] turned counter-clockwise by so many times 90 degrees, of any sign: [N, C, H, W], or
/// [N, C, W, H] for odd numbers.
Variable rotated(const Variable& pictures, std::int64_t quarter_turns);

struct RotatedPictures {
  Variable pictures;  ///< [N, C, S, S]
  Tensor turns;       ///< int64 [N]: how many quarter turns each has made, 0 to 3
};
/// A quarter of the batch turned by each of 0, 90, 180 and 270 degrees: picture i by floor(4 i / N) quarter turns.
/// Pictures [N, C, S, S], N of 1 or more.
RotatedPictures rotated_quarters(const Variable& pictures);
/// SSGAN (Chen et al. 2019): the cross entropy of what a discriminator takes for the pictures' turns, logits [N, 4].
/// The discriminator learns it from real pictures (weight 1), the generator from its own (weight 0.2).
Variable rotation_loss(const Variable& logits, const Tensor& turns);

struct InfoNceOptions {
  /// Stands for the scores of a picture's own local features among the wrong ones: mimicry's, after DIM; -infinity
  /// leaves them out.
  double own_score = -10;
};
/// InfoMax-GAN (Lee et al. 2021): each local feature of a picture, scored with the global one by their inner
/// product, is to be told from those of all other pictures: mean over N and places of
/// -log exp(s_own) / (exp(s_own) + sum of exp(s) over the wrong ones). local [N, R, H, W], global [N, R]. The
/// discriminator learns it from real pictures, the generator from its own (weight 0.2 for both).
Variable info_nce_loss(const Variable& local, const Variable& global, const InfoNceOptions& options = {});

}  // namespace duel
