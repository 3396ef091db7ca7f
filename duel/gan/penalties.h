// Gradient penalties on a discriminator: they need second-order gradients. Norms are over the whole sample.
#pragma once

#include <functional>

#include "duel/autograd/variable.h"
#include "duel/tensor/rng.h"

namespace duel {

/// Pictures [N, ...] to one score per sample or a map of them.
using Critic = std::function<Variable(const Variable& pictures)>;

/// Where the gradient is taken: on real pictures, on fake ones, or at random points between pairs of them.
enum class PenaltyAt : std::uint8_t { real, fake, mixed };

struct GradientPenaltyOptions {
  PenaltyAt at = PenaltyAt::mixed;
  double centre = 1;       ///< the norm to keep
  double epsilon = 1e-16;  ///< added to each gradient element before the norm (pytorch-CycleGAN-and-pix2pix's 1e-16)
};

/// mean over samples of (||d critic(x) / dx|| - centre)^2 (Gulrajani et al. 2017, eq. 3). `real` and `fake` [N, ...] of
/// one shape; one uniform number per sample is drawn from `rng` for `mixed`. Multiply by lambda (10 in the paper).
Variable gradient_penalty(const Critic& critic, const Tensor& real, const Tensor& fake, Rng& rng,
                          const GradientPenaltyOptions& options = {});

/// mean over samples of ||d critic(x) / dx||^2 (Mescheder et al. 2018, eq. 9): R1 on real pictures, R2 on generated
/// ones. Multiply by gamma / 2.
Variable zero_centred_penalty(const Critic& critic, const Tensor& pictures);

/// R1 = gamma / 2 * zero_centred_penalty(critic, real)
Variable r1_penalty(const Critic& critic, const Tensor& real, double gamma);
/// R2 = gamma / 2 * zero_centred_penalty(critic, fake)
Variable r2_penalty(const Critic& critic, const Tensor& fake, double gamma);

}  // namespace duel
