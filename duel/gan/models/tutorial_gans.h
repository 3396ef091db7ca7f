// The small networks for 28 x 28 digits that explanations of GANs begin with: the plain GAN and the CGAN, both of
// linear layers, and a small DCGAN.
#pragma once

#include <vector>

#include "duel/gan/models/inputs.h"
#include "duel/nn/layers.h"
#include "duel/nn/sequential.h"

namespace duel {

struct MlpGanOptions {
  Size2 size{28, 28};
  std::int64_t channels = 1;
  std::int64_t latent = 100;
  /// 0: the plain GAN (Goodfellow et al. 2014). Else the CGAN (Mirza and Osindero 2014): the class as a vector of
  /// zeros with a one follows z, and the pixels.
  std::int64_t classes = 0;
  std::vector<std::int64_t> generator_widths{128, 256, 512, 1024};  ///< without 1024 in the tutorial's CGAN
  std::vector<std::int64_t> discriminator_widths{512, 256};
  /// Of the generator's batch norms, which all its layers but the first and last have. So large because the original
  /// passes its intended momentum in the place of eps.
  double norm_eps = 0.8;
  Scores scores = Scores::logits;  ///< the tutorial's end in a sigmoid
};

/// z [N, latent] and, for the CGAN, labels int64 [N] to pictures [N, channels, H, W] in (-1, 1).
struct MlpGanGenerator {
  using Options = MlpGanOptions;
  Options options;
  Sequential model;

  MlpGanGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& z, const Tensor& labels, const Pass& pass = {});
  Variable operator()(const Variable& z, const Pass& pass = {}) { return (*this)(z, Tensor(), pass); }
  void visit(Visitor& v) { v.child("model", model); }
};

/// Pictures [N, channels, H, W] and, for the CGAN, labels int64 [N] to scores [N].
struct MlpGanDiscriminator {
  using Options = MlpGanOptions;
  Options options;
  Sequential model;

  MlpGanDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Tensor& labels, const Pass& pass = {});
  Variable operator()(const Variable& pictures, const Pass& pass = {}) { return (*this)(pictures, Tensor(), pass); }
  void visit(Visitor& v) { v.child("model", model); }
};

struct TutorialDcganOptions {
  /// Of generated pictures: multiples of 8, 32 at least. The discriminator takes the digits' 28 x 28 for 32 x 32 too:
  /// all sizes that round up to this one after three halvings.
  Size2 size{32, 32};
  std::int64_t channels = 1;
  std::int64_t latent = 100;
  std::int64_t width = 16;  ///< feature maps after the discriminator's first convolution
  Scores scores = Scores::logits;
};

/// z [N, latent] to pictures [N, channels, H, W] in (-1, 1): a linear layer, then transposed convolutions to 9 x 9,
/// 17 x 17 and 32 x 32.
struct TutorialDcganGenerator {
  using Options = TutorialDcganOptions;
  Options options;
  Linear linear;
  Sequential conv;

  TutorialDcganGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& z, const Pass& pass = {});
  void visit(Visitor& v);
};

/// Pictures [N, channels, H, W] to scores [N]. With pictures of 32 x 32 the last norm sees single pixels, so training
/// needs two pictures at least.
struct TutorialDcganDiscriminator {
  using Options = TutorialDcganOptions;
  Options options;
  Sequential conv;
  Linear linear;

  TutorialDcganDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);
};

}  // namespace duel
