// CycleGAN's generator (Zhu et al. 2017, after Johnson et al. 2016): resnet_6blocks, resnet_9blocks and others of
// pytorch-CycleGAN-and-pix2pix. Names are those of its state dictionaries.
#pragma once

#include "duel/gan/models/translation_parts.h"

namespace duel {

struct CycleganGeneratorOptions {
  std::int64_t in_channels = 3, out_channels = 3;
  std::int64_t width = 64;  ///< feature maps at the full size; they double at each halving
  std::int64_t blocks = 9;  ///< residual ones at the smallest size
  std::int64_t halvings = 2;
  TranslationNorm norm = TranslationNorm::instance;
  PadMode padding = PadMode::reflect;  ///< in the blocks; the first and last convolutions always reflect
  double dropout = 0;                  ///< between a block's convolutions; 0.5 if on (pix2pix), 0 for none (CycleGAN)
  TranslationInit init{};
};

/// Pictures [N, in_channels, H, W] to pictures [N, out_channels, H, W] in (-1, 1). H and W must be multiples of
/// 2^halvings, and large enough to be reflected: 4 pixels at the full size, 2 at the smallest.
struct CycleganGenerator {
  using Options = CycleganGeneratorOptions;
  Options options;
  Sequential model;

  CycleganGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v) { v.child("model", model); }
};

}  // namespace duel
