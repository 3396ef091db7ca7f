// What a discriminator's scores are compared with where that is not simply 1 for real pictures and 0 for generated
// ones: soft, smoothed and noisy labels.
#pragma once

#include "duel/gan/losses.h"
#include "duel/tensor/rng.h"

namespace duel {

/// Targets are uniform in [low, high), or low where both are the same, each score's by itself.
struct TargetOptions {
  double real_low = 1, real_high = 1;
  double fake_low = 0, fake_high = 0;
  double flip = 0;  ///< how often, in [0, 1], real and generated pictures exchange targets, a whole batch at a time

  friend bool operator==(const TargetOptions&, const TargetOptions&) = default;
};

/// Ganzo's soft labels.
inline constexpr TargetOptions kSoftTargets{.real_low = 0.9, .real_high = 1, .fake_low = 0, .fake_high = 0.1};
/// Ganzo's noisy labels. For the discriminator alone.
inline constexpr TargetOptions kNoisyTargets{.flip = 0.1};
/// One-sided label smoothing (Salimans et al. 2016, section 3.4).
inline constexpr TargetOptions kSmoothTargets{.real_low = 0.9, .real_high = 0.9};

/// Throws unless targets and `flip` are what `draw_targets` takes, and the loss compares with targets, where they are
/// not simply 1 and 0. `game` is for the message.
void check_targets(const char* game, const AdversarialLoss& loss, const TargetOptions& options);

/// For these scores, float32 or float64 of any shapes: `AdversarialLoss::discriminator_towards` takes the result. `rng`
/// gives first whether to exchange, then the targets of real pictures, then the others.
Targets draw_targets(Rng& rng, const Variable& real, const Variable& fake, const TargetOptions& options);

}  // namespace duel
