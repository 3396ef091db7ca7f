// fastai's DynamicUnet: a U-Net (Ronneberger et al. 2015) on any encoder, for restoring pictures (super-resolution,
// colourisation). Names are those of its state dictionaries.
#pragma once

#include <optional>
#include <vector>

#include "duel/gan/models/fastai.h"

namespace duel {

/// After which of the upsamplings 2 x 2 windows are averaged, against checkerboards (Sugawara et al. 2018).
enum class UnetBlur : std::uint8_t { none, all_but_last, all };
/// Whether self-attention follows the third last block (if there are three).
enum class UnetAttention : std::uint8_t { none, third_last };
/// The end: a 1 x 1 convolution of the last maps, or in front of it a residual block that sees the input beside them.
enum class UnetCross : std::uint8_t { none, input };
/// Whether that block has half the feature maps within, as in fastai 1; fastai 2 leaves half of them for the last
/// convolution too, which does not fit, so that no network of its can have it.
enum class UnetBottleneck : std::uint8_t { no, yes };

struct PixelRange {
  double low = -1, high = 1;
};

struct FastaiUnetOptions {
  std::int64_t in_channels = 3, out_channels = 3;
  /// Of the pictures with which the sizes of the encoder's maps are found. Others may be given later.
  Size2 size{256, 256};
  FastaiNorm norm = FastaiNorm::none;  ///< of the convolutions; fastai's GANs for restoration have `weight`
  UnetBlur blur = UnetBlur::none;
  UnetAttention attention = UnetAttention::none;
  UnetCross cross = UnetCross::input;
  UnetBottleneck bottleneck = UnetBottleneck::no;
  std::optional<PixelRange> range = {};  ///< a sigmoid of this range at the end (y_range)
  double slope = 0;                      ///< of the (leaky) ReLUs
};

/// Upsampling by depth-to-space to the size of the encoder's map `skip`, which then stands beside it, and two
/// convolutions.
struct FastaiUnetBlock {
  Sequential shuf;
  BatchNorm2d bn;  // of the skip
  Sequential conv1, conv2;
  double slope;

  /// x [N, C, H, W], skip [N, S, H', W'] -> [N, out, H', W']
  Variable operator()(const Variable& x, const Variable& skip, const Pass& pass);
  void visit(Visitor& v);
};

/// Two convolutions, added to their input.
struct FastaiResidual {
  Sequential convpath;
  double slope;

  Variable operator()(const Variable& x, const Pass& pass) {
    return rectified(convpath(x, pass) + x, Rectifier{slope});
  }
  void visit(Visitor& v) { v.child("convpath", convpath); }
};

/// Pictures [N, in_channels, H, W] to pictures [N, out_channels, H, W], of any size that the encoder takes: where it
/// rounded, maps are resized to the nearest pixels.
struct FastaiUnet {
  using Options = FastaiUnetOptions;
  Options options;
  std::vector<Sequential> stages;  // the encoder, cut after each layer whose map is larger than the next one's
  BatchNorm2d bn;
  Sequential middle;
  std::vector<FastaiUnetBlock> blocks;
  std::optional<Sequential> shuffle;  // if the encoder's first layer halves the picture
  std::optional<FastaiResidual> cross;
  Sequential last;

  /// `encoder`: any layers one after the other that make maps [N, C, H, W] of pictures, such as `resnet_encoder`, with
  /// published weights or without; its sizes are found by trying it. It must change the size once at least.
  FastaiUnet(Rng& rng, Sequential encoder, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);

 private:
  struct Measured;
  FastaiUnet(Rng& rng, Measured encoder, const Options& options);
};

}  // namespace duel
