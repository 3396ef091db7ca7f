// pix2pix's U-Net generator (Isola et al. 2017): unet_128 and unet_256 of pytorch-CycleGAN-and-pix2pix, for any number
// of halvings. Names are those of its state dictionaries.
#pragma once

#include "duel/gan/models/translation_parts.h"

namespace duel {

struct Pix2pixGeneratorOptions {
  std::int64_t in_channels = 3, out_channels = 3;
  std::int64_t width = 64;    ///< feature maps after the first halving; they double at the next ones, up to 8 * width
  std::int64_t halvings = 8;  ///< 7 is unet_128, 8 is unet_256; the original has 5 at least
  TranslationNorm norm = TranslationNorm::batch;
  double dropout = 0;  ///< on the way up at 8 * width maps, but for the innermost and outermost of them; pix2pix: 0.5
  TranslationInit init{};
};

/// Pictures [N, in_channels, H, W] to pictures [N, out_channels, H, W] in (-1, 1). H and W must be multiples of
/// 2^halvings. pix2pix keeps dropout, its only noise, and the batch's statistics when it is tested: Mode::train.
struct Pix2pixGenerator {
  using Options = Pix2pixGeneratorOptions;
  Options options;
  Sequential model;

  Pix2pixGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v) { v.child("model.model", model); }
};

}  // namespace duel
