// DCGAN as in PyTorch-StudioGAN (its `deep_conv`): unlike the standard one's (dcgan.h), its generator starts with a
// linear layer and ends with a 3 x 3 convolution, and its discriminator has twice as many layers and sums the last map
// over its pixels. Names are those of its state dictionaries.
#pragma once

#include <vector>

#include "duel/gan/models/residual_blocks.h"

namespace duel {

/// Defaults are StudioGAN's, which makes pictures of 32 pixels only.
struct StudioganDcganOptions {
  std::int64_t size = 32;     ///< of the pictures, size x size; a power of two, 8 at least
  std::int64_t channels = 3;  ///< of the pictures
  std::int64_t latent = 128;  ///< length of z
  std::int64_t width = 64;    ///< feature maps at the full size; they double at each halving down to 4 x 4
  double norm_eps = 1e-4;     ///< of all batch norms
  WeightInit init = WeightInit::orthogonal;  ///< biases start at 0, but for `standard`
};

/// z [N, latent] to pictures [N, channels, size, size] in (-1, 1): a linear layer, 4 x 4 transposed convolutions of
/// stride 2 with batch norms and ReLUs, and a 3 x 3 convolution.
struct StudioganDcganGenerator {
  using Options = StudioganDcganOptions;
  struct Block {
    ConvTranspose2d deconv;
    BatchNorm2d norm;

    Variable operator()(const Variable& x, const Pass& pass);
    void visit(Visitor& v);
  };
  Options options;
  Linear linear;  // z -> 4 x 4 map
  std::vector<Block> blocks;
  Conv2d output;

  StudioganDcganGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& z, const Pass& pass = {});
  void visit(Visitor& v);
};

/// Pictures [N, channels, size, size] to logits [N]: 3 x 3 convolutions and 4 x 4 ones of stride 2 in turns, with batch
/// norms and ReLUs, another 3 x 3 one at 4 x 4, and a linear layer of the sums over the pixels.
struct StudioganDcganDiscriminator {
  using Options = StudioganDcganOptions;
  struct Block {
    Conv2d conv, down;
    BatchNorm2d norm, down_norm;

    Variable operator()(const Variable& x, const Pass& pass);
    void visit(Visitor& v);
  };
  Options options;
  std::vector<Block> blocks;
  Conv2d last;
  BatchNorm2d last_norm;
  Linear linear;  // features -> 1

  StudioganDcganDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);
};

}  // namespace duel
