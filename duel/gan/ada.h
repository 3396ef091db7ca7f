// AdaptiveAugmentation: how often to augment, from how sure the discriminator is of real pictures.
#pragma once

#include "duel/nn/module.h"

namespace duel {

struct AdaptiveAugmentationOptions {
  double target = 0.6;           ///< the mean sign of scores of real pictures to be kept, in [-1, 1]
  std::int64_t interval = 4;     ///< batches between two corrections
  std::int64_t images = 500000;  ///< that it takes the probability to go from 0 to 1
  double start = 0;              ///< the probability in the beginning
};

/// ADA's controller (Karras et al. 2020, "Training generative adversarial networks with limited data", section 3.1,
/// with the numbers of its authors' program): a discriminator that overfits gives all real pictures positive scores, so
/// the probability of augmentation rises while the mean sign is above the target, and falls while it is below. Unlike
/// there it stays below 1 too. For `draw_diff_augment`.
class AdaptiveAugmentation {
 public:
  /// Throws for options that make no sense.
  explicit AdaptiveAugmentation(const AdaptiveAugmentationOptions& options = {});

  /// To be called with the discriminator's scores of each batch of real pictures, as augmented: logits [N] or [N, ...],
  /// all of which count. NaN counts as 0. On a device they are only looked at when a correction is due.
  void observe(const Tensor& real_scores);
  double probability() const { return probability_.item(); }
  /// The same as a tensor there, float64, of its own: for `draw_diff_augment`.
  Tensor probability_on(Device device) const { return probability_.clone().to(device); }
  /// The mean sign of the batches that the last correction was made from; 0 before.
  double mean_sign() const { return mean_sign_.item(); }
  /// The state for a checkpoint.
  void visit(Visitor& v);

 private:
  void count_pending();

  AdaptiveAugmentationOptions options_;
  Tensor probability_, mean_sign_ = Tensor::zeros({}, {.dtype = DType::float64});
  // Since the last correction:
  Tensor signs_ = Tensor::zeros({}, {.dtype = DType::int64});  // their sum
  Tensor scores_ = Tensor::zeros({}, {.dtype = DType::int64}), images_ = Tensor::zeros({}, {.dtype = DType::int64});
  Tensor batches_ = Tensor::zeros({}, {.dtype = DType::int64});
  Tensor pending_;  // float64 [], where the scores lie: the sum of signs that are not in signs_ yet; or undefined
};

}  // namespace duel
