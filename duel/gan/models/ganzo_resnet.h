// Ganzo's generator and discriminator "good": the residual networks of WGAN-GP (Gulrajani et al. 2017) for 64 x 64
// pictures, with batch norm in the generator and layer norm over [C, H, W] in the critic. Names are those of Ganzo's
// state dictionaries.
#pragma once

#include <vector>

#include "duel/gan/models/inputs.h"
#include "duel/nn/layers.h"

namespace duel {

struct GanzoResnetOptions {
  std::int64_t size = 64;     ///< of the pictures, size x size: a multiple of 16
  std::int64_t channels = 3;  ///< of the pictures
  std::int64_t latent = 128;  ///< length of z
  std::int64_t width = 64;    ///< feature maps at the full size, 8 times as many at the smallest; Ganzo's is `size`
  /// Of the convolutions in the generator's blocks; odd. Ganzo's is, by mistake, the number of channels, which is 3 for
  /// colours but 1 for grey pictures.
  std::int64_t generator_kernel = 3;
};

/// [N, in, H, W] -> [N, out, 2 H, 2 W]
struct GanzoUpBlock {
  BatchNorm2d norm1, norm2;
  Conv2d shortcut, conv1, conv2;

  GanzoUpBlock(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t kernel);
  Variable operator()(const Variable& x, const Pass& pass);
  void visit(Visitor& v);
};

/// [N, in, side, side] -> [N, out, side / 2, side / 2]
struct GanzoDownBlock {
  LayerNorm norm1, norm2;
  Conv2d shortcut, conv1, conv2;

  GanzoDownBlock(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t side);
  Variable operator()(const Variable& x) const;
  void visit(Visitor& v);
};

/// z [N, latent] to pictures [N, channels, size, size] in (-1, 1).
struct GanzoResnetGenerator {
  using Options = GanzoResnetOptions;
  Options options;
  Linear fc;
  std::vector<GanzoUpBlock> blocks;
  BatchNorm2d norm;
  Conv2d conv;

  GanzoResnetGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& z, const Pass& pass = {});
  void visit(Visitor& v);
};

/// Pictures [N, channels, size, size] to scores [N].
struct GanzoResnetDiscriminator {
  using Options = GanzoResnetOptions;
  Options options;
  Conv2d conv;
  std::vector<GanzoDownBlock> blocks;
  Linear fc;

  GanzoResnetDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);
};

}  // namespace duel
