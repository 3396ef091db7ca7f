// A class-conditional DCGAN for pictures of any size that halves evenly: 28 x 28 as it is, 32, 64, 48 x 80 ...
//
// The DCGAN of Radford et al. 2016 (4 x 4 kernels of stride 2 all the way) with class-conditional batch norm in the
// generator and a projection discriminator (Miyato and Koyama 2018) without normalisation, so that penalties on its
// gradient mean what they say.
#pragma once

#include <vector>

#include "duel/nn/layers.h"

namespace duel {

struct ConditionalDcganOptions {
  Size2 size{28, 28};         ///< of the pictures; divisible by 2^stages
  std::int64_t channels = 1;  ///< of the pictures
  std::int64_t classes = 10;  ///< 1 for data without labels
  std::int64_t latent = 64;   ///< length of z
  std::int64_t width = 64;    ///< feature maps at half the full size; they double at each halving, up to 8 * width
  std::int64_t stages = 2;    ///< halvings: 28 -> 14 -> 7
};

/// z [N, latent] and labels int64 [N] to pictures [N, channels, H, W] in (-1, 1).
struct ConditionalDcganGenerator {
  using Options = ConditionalDcganOptions;
  Options options;
  Linear project;                             // latent -> features * h * w of the smallest map
  std::vector<ConditionalBatchNorm2d> norms;  // one before each upsampling
  std::vector<ConvTranspose2d> ups;

  ConditionalDcganGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& z, const Tensor& labels, const Pass& pass = {});
  void visit(Visitor& v);
};

/// Pictures [N, channels, H, W] and labels int64 [N] to logits [N]: psi(h) + <class embedding, h> with h the last
/// feature map, flattened.
struct ConditionalDcganDiscriminator {
  using Options = ConditionalDcganOptions;
  std::vector<Conv2d> downs;
  Linear psi;
  Embedding classes;

  ConditionalDcganDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Tensor& labels, const Pass& pass = {});
  void visit(Visitor& v);
};

}  // namespace duel
