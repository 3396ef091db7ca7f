// The discriminators of pytorch-CycleGAN-and-pix2pix: PatchGAN (Isola et al. 2017), which judges every patch of a
// picture, and the one that judges pixels. Names are those of its state dictionaries.
#pragma once

#include "duel/gan/models/translation_parts.h"

namespace duel {

struct PatchDiscriminatorOptions {
  std::int64_t in_channels = 3;  ///< for pix2pix those of input and output together: concat({a, b}, 1)
  std::int64_t width = 64;       ///< feature maps after the first convolution; they double, up to 8 * width
  std::int64_t halvings = 3;     ///< n_layers: patches of 16, 34, 70 (3, "basic"), 142, 286 pixels for 1 to 5
  TranslationNorm norm = TranslationNorm::instance;
  TranslationInit init{};
};

/// Pictures [N, in_channels, H, W] to logits [N, 1, OH, OW], one for each patch; losses average them.
struct PatchDiscriminator {
  using Options = PatchDiscriminatorOptions;
  Options options;
  Sequential model;

  PatchDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  /// OH x OW for pictures of this size, 30 x 30 for 256 x 256 and 3 halvings. Throws for those that are too small.
  Size2 map_size(Size2 pictures) const;
  void visit(Visitor& v) { v.child("model", model); }
};

struct PixelDiscriminatorOptions {
  std::int64_t in_channels = 3;
  std::int64_t width = 64;
  TranslationNorm norm = TranslationNorm::instance;
  TranslationInit init{};
};

/// Pictures [N, in_channels, H, W] to logits [N, 1, H, W].
struct PixelDiscriminator {
  using Options = PixelDiscriminatorOptions;
  Options options;
  Sequential net;

  PixelDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v) { v.child("net", net); }
};

}  // namespace duel
