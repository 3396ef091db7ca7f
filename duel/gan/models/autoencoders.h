// Auto-encoders of linear layers, as explanations of generative models begin with: undercomplete, overcomplete,
// denoising and variational, with the losses that they are trained by. Encoder and decoder can be used by themselves.
#pragma once

#include <vector>

#include "duel/gan/models/inputs.h"
#include "duel/nn/layers.h"
#include "duel/nn/sequential.h"

namespace duel {

/// What a decoder says of a pixel, which also gives its range, the decoder's last activation and the loss: the mean of
/// a Gaussian of variance 1, in (-1, 1) by tanh; or the probability of a one, in (0, 1) by sigmoid.
enum class PixelModel : std::uint8_t { gaussian, bernoulli };

struct AutoencoderOptions {
  Size2 size{28, 28};
  std::int64_t channels = 1;
  std::vector<std::int64_t> widths{512, 256};  ///< hidden layers of the encoder; the decoder has them in reverse
  std::int64_t code = 32;                      ///< length of the code
  PixelModel pixels = PixelModel::gaussian;
  // The corruption of what is encoded in training (Vincent et al. 2008); the loss compares with the clean pictures.
  double noise = 0;    ///< standard deviation of the Gaussian noise added
  double masking = 0;  ///< share of the pixels that become 0, in [0, 1)
};

/// The code is shorter than the picture, and so has to summarise it.
AutoencoderOptions undercomplete_autoencoder();
/// The code, of 1024 numbers, is longer than the picture. What keeps the network from copying is up to the loss: a
/// sparse code, by adding a share of `l1(code, 0)` say.
AutoencoderOptions overcomplete_autoencoder();
/// The undercomplete one, given pictures with noise of deviation 0.3 and a quarter of the pixels missing.
AutoencoderOptions denoising_autoencoder();

/// Pictures [N, channels, H, W] to pictures of the same size. Corruption needs Pass::rng in training.
struct Autoencoder {
  using Options = AutoencoderOptions;
  Options options;
  Sequential encoder, decoder;

  Autoencoder(Rng& rng, const Options& options);
  /// decode(encode(x)), with x corrupted in training.
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  /// [N, channels, H, W] -> [N, code], not corrupted.
  Variable encode(const Variable& pictures, const Pass& pass = {});
  /// [N, code] -> [N, channels, H, W]
  Variable decode(const Variable& code, const Pass& pass = {});
  void visit(Visitor& v);
};

/// A Gaussian with independent components: means and logarithms of variances, [N, code] both.
struct DiagonalGaussian {
  Variable mu, log_var;
};

/// A draw from it that gradients pass: mu + exp(log_var / 2) e, e from N(0, 1) (Kingma and Welling 2014, section 2.4).
Variable reparameterize(const DiagonalGaussian& posterior, Rng& rng);

struct VariationalOutput {
  Variable pictures;  // [N, channels, H, W]
  DiagonalGaussian posterior;
};

/// Kingma and Welling 2014. New pictures are decode(z) with z from N(0, 1).
struct VariationalAutoencoder {
  using Options = AutoencoderOptions;
  Options options;
  Sequential encoder;
  Linear mu, log_var;
  Sequential decoder;

  VariationalAutoencoder(Rng& rng, const Options& options);
  /// Decodes a draw from the posterior of x, corrupted if so chosen, in training, which needs Pass::rng; in evaluation
  /// its mean.
  VariationalOutput operator()(const Variable& pictures, const Pass& pass = {});
  /// [N, channels, H, W], not corrupted.
  DiagonalGaussian encode(const Variable& pictures, const Pass& pass = {});
  /// z [N, code] -> [N, channels, H, W]
  Variable decode(const Variable& z, const Pass& pass = {});
  void visit(Visitor& v);
};

/// -log p(x | code), but for a constant: over each sample's pixels the sum of (y - x)^2 / 2, or of the binary cross
/// entropy, averaged over the samples. y and x [N, C, H, W]; bernoulli needs x in [0, 1].
Variable reconstruction_loss(const Variable& y, const Variable& x, PixelModel pixels);

struct VariationalLossOptions {
  PixelModel pixels = PixelModel::gaussian;
  double beta = 1;  ///< of the divergence (Higgins et al. 2017); 1 makes the loss the negative evidence lower bound
};
/// reconstruction_loss + beta * KL(posterior || N(0, 1)), averaged over the samples. x: the clean pictures.
Variable variational_loss(const VariationalOutput& output, const Variable& x, const VariationalLossOptions& o = {});

}  // namespace duel
