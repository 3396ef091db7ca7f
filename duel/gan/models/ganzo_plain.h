// Ganzo's generators and discriminators "fc" and "conv". Names are those of its state dictionaries.
#pragma once

#include <vector>

#include "duel/gan/models/inputs.h"
#include "duel/nn/layers.h"

namespace duel {

struct GanzoFcOptions {
  std::int64_t size = 28;          ///< of the pictures, size x size, of one channel
  std::int64_t latent = 128;       ///< length of z
  std::int64_t layers = 4;         ///< linear ones: latent, 2 latent, 4 latent ... size^2, and the reverse to 1
  double dropout = 0;              ///< between them, in training; the original's goes on in evaluation
  Scores scores = Scores::logits;  ///< the original ends in a sigmoid
};

/// z [N, latent] to pictures [N, 1, size, size] in (-1, 1).
struct GanzoFcGenerator {
  using Options = GanzoFcOptions;
  Options options;
  std::vector<Linear> linear;

  GanzoFcGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& z, const Pass& pass = {});
  void visit(Visitor& v);
};

/// Pictures [N, 1, size, size] to scores [N].
struct GanzoFcDiscriminator {
  using Options = GanzoFcOptions;
  Options options;
  std::vector<Linear> linear;

  GanzoFcDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);
};

struct GanzoConvOptions {
  std::int64_t layers = 5;               ///< convolutions: pictures of 4 * 2^(layers - 1) pixels a side, 64 for 5
  std::int64_t channels = 3;             ///< of the pictures
  std::int64_t latent = 128;             ///< length of z
  std::int64_t generator_width = 64;     ///< feature maps at 4 x 4; they halve at each doubling
  std::int64_t discriminator_width = 8;  ///< feature maps after the first convolution; they double at each halving
  double dropout = 0;                    ///< after each activation, in training
  Scores scores = Scores::logits;        ///< the original ends in a sigmoid

  /// The side of the pictures.
  std::int64_t size() const { return std::int64_t{2} << layers; }
};

/// z [N, latent] to pictures [N, channels, size, size] in (-1, 1).
struct GanzoConvGenerator {
  using Options = GanzoConvOptions;
  Options options;
  std::vector<ConvTranspose2d> convs;
  std::vector<BatchNorm2d> norms;  // of all but the last

  GanzoConvGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& z, const Pass& pass = {});
  void visit(Visitor& v);
};

/// Pictures [N, channels, size, size] to scores [N].
struct GanzoConvDiscriminator {
  using Options = GanzoConvOptions;
  Options options;
  std::vector<Conv2d> convs;
  std::vector<BatchNorm2d> norms;  // of all but the last

  GanzoConvDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);
};

}  // namespace duel
