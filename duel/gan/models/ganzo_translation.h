// Ganzo's networks from pictures to pictures after pix2pix: the generator "u-gen" and the discriminator "patch-gan".
// Names are those of its state dictionaries.
#pragma once

#include <vector>

#include "duel/gan/models/inputs.h"
#include "duel/nn/layers.h"

namespace duel {

struct GanzoUGeneratorOptions {
  std::int64_t in_channels = 3, out_channels = 3;
  std::int64_t width = 8;   ///< feature maps after the first halving; they double at each next one
  std::int64_t layers = 4;  ///< halvings after the first
};

/// Pictures [N, in_channels, H, W] to pictures [N, out_channels, H, W] in (-1, 1). H and W must be multiples of
/// 2^(layers + 1). The innermost map meets itself in the first concatenation, and the last of `bns` is not used: both
/// are the original's ways, which its weights need.
struct GanzoUGenerator {
  using Options = GanzoUGeneratorOptions;
  Options options;
  Conv2d conv_in;
  std::vector<Conv2d> convs;
  std::vector<BatchNorm2d> bns;
  std::vector<ConvTranspose2d> deconvs;
  std::vector<BatchNorm2d> debns;
  ConvTranspose2d deconv_out;

  GanzoUGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);
};

struct GanzoPatchDiscriminatorOptions {
  std::int64_t in_channels = 6;  ///< of input and output together: concat({a, b}, 1)
  std::int64_t width = 4;        ///< feature maps after the first halving; they double at each of the next three
  Scores scores = Scores::probabilities;  ///< there are no others: the mean is taken after each patch's sigmoid
};

/// Pictures [N, in_channels, H, W], 64 x 64 at least, to probabilities [N]: means over those of all patches, so there
/// are no logits of them. For the loss "gan".
struct GanzoPatchDiscriminator {
  using Options = GanzoPatchDiscriminatorOptions;
  Options options;
  std::vector<Conv2d> convs;
  std::vector<BatchNorm2d> norms;  // of the second, third and fourth

  GanzoPatchDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);
};

}  // namespace duel
