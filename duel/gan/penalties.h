// Penalties and regularisers of the training of GANs. Those on the gradient of a critic or generator need second-order
// gradients. All return a Variable of shape [] without the weight they are multiplied by, unless they say so.
#pragma once

#include "duel/gan/critic.h"
#include "duel/nn/optim.h"

namespace duel {

/// Where the gradient is taken: on real pictures, on fake ones, or at random points between pairs of them.
enum class PenaltyAt : std::uint8_t { real, fake, mixed };

/// What a gradient's norm goes over: the whole sample, as published, or the channels of each pixel alone, the mean then
/// going over samples and pixels (MMGeneration's norm_mode "pixel", its default, against "HWC").
enum class NormOver : std::uint8_t { sample, pixel };

struct GradientPenaltyOptions {
  PenaltyAt at = PenaltyAt::mixed;
  double centre = 1;  ///< the norm to keep
  /// Added to each gradient element before the norm (pytorch-CycleGAN-and-pix2pix's 1e-16). A zero gradient is so
  /// pushed up in all its elements alike; with epsilon 0 the norm's gradient at zero is 0.
  double epsilon = 1e-16;
  NormOver over = NormOver::sample;
};

/// mean over samples of (||d critic(x) / dx|| - centre)^2 (Gulrajani et al. 2017, eq. 3). `real` and `fake` [N, ...] of
/// one shape; one uniform number per sample is drawn from `rng` for `mixed`. Multiply by lambda (10 in the paper).
Variable gradient_penalty(const Critic& critic, const Tensor& real, const Tensor& fake, Rng& rng,
                          const GradientPenaltyOptions& options = {});

/// The largest ||d critic(x) / dx||^2 of a batch at random points between real and fake pictures, drawn as above
/// (MaxGP, Zhou et al. 2019). Samples that share the maximum share its gradient.
Variable max_gradient_penalty(const Critic& critic, const Tensor& real, const Tensor& fake, Rng& rng);

struct DraganOptions {
  double scale = 0.5;  ///< of the noise, in standard deviations of the pictures
  double centre = 1;   ///< the norm to keep
};
/// mean over samples of (||d critic(x) / dx|| - centre)^2 at x = real + a scale std(real) u, in which a is one uniform
/// number in [0, 1) per sample, u one per element, and std the biased deviation over the whole batch (DRAGAN: Kodali et
/// al. 2017, with the noise of its authors' program). `rng` gives a first, then u. Multiply by lambda (10).
Variable dragan_penalty(const Critic& critic, const Tensor& real, Rng& rng, const DraganOptions& options = {});

/// mean over samples of ||d critic(x) / dx||^2 (Mescheder et al. 2018, eq. 9): R1 on real pictures, R2 on generated
/// ones. Multiply by gamma / 2.
Variable zero_centred_penalty(const Critic& critic, const Tensor& pictures, NormOver over = NormOver::sample);

/// R1 = gamma / 2 * zero_centred_penalty(critic, real)
Variable r1_penalty(const Critic& critic, const Tensor& real, double gamma);
/// R2 = gamma / 2 * zero_centred_penalty(critic, fake)
Variable r2_penalty(const Critic& critic, const Tensor& fake, double gamma);

/// Path length regularisation of a generator (StyleGAN2: Karras et al. 2020, eq. 4). Keeps the running mean of lengths.
struct PathLengthPenalty {
  double decay = 0.01;                                         ///< how far the mean moves at each call, in [0, 1]
  Tensor mean = Tensor::zeros({}, {.dtype = DType::float64});  ///< of path lengths; starts at 0, as published

  /// With y ~ N(0, 1) / sqrt(H W), drawn from `rng`, a sample's path length is the norm of
  /// J = d <pictures, y> / d latents: over D for `latents` [N, D], over D of the mean of squares over layers for
  /// [N, L, D]. Moves the mean towards the batch's mean length, then returns the mean over samples of
  /// (length - mean)^2; as published, its gradient goes through the batch's part of the mean too.
  /// `pictures` [N, C, H, W] must have been made from `latents`. StyleGAN2 multiplies by 2, on half a batch, every
  /// fourth step by 4 times as much.
  Variable operator()(const Variable& pictures, const Variable& latents, Rng& rng);
  void visit(Visitor& v) { v.buffer("mean", mean); }
};

/// What W W' should be: anything on its diagonal and 0 beside it (rows orthogonal), or the identity (orthonormal).
enum class Orthogonality : std::uint8_t { off_diagonal, full };

/// Sum over the weights of 1/2 ||(W W') (1 - I)||^2, elementwise product, or 1/2 ||W W' - I||^2, W being the weight as
/// a matrix [out, rest]. Parameters of fewer than two dimensions are left out; at least one weight must remain. The
/// gradient, 2 ((W W') (1 - I)) W or 2 (W W' - I) W, is the one that BigGAN-PyTorch adds in place; the formula of the
/// paper (Brock et al. 2019, eq. 3, with W' W) is twice this penalty. Multiply by its strength (1e-4).
Variable orthogonal_penalty(const Variables& parameters, Orthogonality form = Orthogonality::off_diagonal);

/// LeCam regularisation of a discriminator (Tseng et al. 2021). Keeps the running means of its scores.
struct LeCamPenalty {
  double decay = 0.9;  ///< mean = decay mean + (1 - decay) batch; PyTorch-StudioGAN's (0.99 in the paper)
  Tensor real = Tensor::zeros({}, {.dtype = DType::float64});
  Tensor fake = Tensor::zeros({}, {.dtype = DType::float64});
  Tensor updates = Tensor::zeros({}, {.dtype = DType::int64});

  /// Updates the two means with this batch, the first one being copied, then returns
  /// mean(relu(scores of real - mean of fake)^2) + mean(relu(mean of real - scores of fake)^2), the form with relu of
  /// the authors' program. No gradient goes through the means.
  Variable operator()(const Variable& on_real, const Variable& on_fake);
  void visit(Visitor& v);
};

/// Consistency regularisation (CR, Zhang et al. 2020): mean((scores - scores of the augmented pictures)^2), the
/// two of one shape, on real pictures. Multiply by lambda (10).
Variable consistency_penalty(const Variable& scores, const Variable& augmented);

struct BalancedConsistencyOptions {
  double real = 10, fake = 10;  ///< weights
};
/// bCR (Zhao et al. 2021): CR on real pictures and on generated ones, weighted. `real_augmented` are the
/// scores of the same real pictures, augmented.
Variable balanced_consistency_penalty(const Variable& real, const Variable& real_augmented, const Variable& fake,
                                      const Variable& fake_augmented, const BalancedConsistencyOptions& options = {});

struct LatentConsistencyOptions {
  double discriminator = 5, generator = 0.5;  ///< weights
};
/// zCR of the discriminator (Zhao et al. 2021): its scores of G(z) and G(z + noise) should be the same;
/// weighted mean((fake - perturbed)^2).
Variable latent_consistency_discriminator(const Variable& fake, const Variable& perturbed,
                                          const LatentConsistencyOptions& options = {});
/// zCR of the generator: its pictures G(z) and G(z + noise) should not; weighted -mean((fake - perturbed)^2).
Variable latent_consistency_generator(const Variable& fake, const Variable& perturbed,
                                      const LatentConsistencyOptions& options = {});

/// Adam's options where a network is regularised only once in `interval` (1 or more) steps, in a step of its own (lazy
/// regularisation, StyleGAN2: Karras et al. 2020, appendix B): with c = interval / (interval + 1), rate and betas
/// become lr c, beta1^c, beta2^c. The regulariser is multiplied by `interval`.
OptimizerOptions lazy(OptimizerOptions options, std::int64_t interval);

}  // namespace duel
