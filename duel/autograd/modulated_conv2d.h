// Convolution whose weight each sample's style scales (Karras et al. 2020, "Analyzing and Improving the Image Quality
// of StyleGAN", section 2.2).
#pragma once

#include "duel/autograd/conv2d.h"

namespace duel {

/// Equation 3: each output channel of the weight [O, I, KH, KW], or [N, O, I, KH, KW] for one per sample, divided by
/// sqrt(its sum of squares + eps).
Variable demodulate(const Variable& weight, double eps = 1e-8);

enum class Demodulate : std::uint8_t { no, yes };

struct ModulatedConv2dOptions {
  Demodulate demodulate = Demodulate::yes;
  double eps = 1e-8;
  Conv2dGeometry geometry = {};
};

/// conv2d of each sample with its own weight: `weight` times the sample's styles [N, I] (equation 1), demodulated if
/// asked for. x [N, I, H, W], weight [O, I, KH, KW], one group -> [N, O, OH, OW]. The styles scale the input and the
/// demodulation the output instead of N copies of the weight, which is the same.
Variable modulated_conv2d(const Variable& x, const Variable& weight, const Variable& styles,
                          const ModulatedConv2dOptions& options = {});

}  // namespace duel
