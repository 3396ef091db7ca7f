// Up- and down-sampling with a FIR filter in between (Karras et al. 2019-2021: StyleGAN's upfirdn2d).
#pragma once

#include "duel/autograd/resample.h"

namespace duel {

/// Whether a filter is turned round before it is slid over the picture (StyleGAN's flip_filter false) or not.
enum class FilterMode : std::uint8_t { convolution, correlation };

struct Upfirdn2dOptions {
  Size2 up{1, 1}, down{1, 1};
  Padding2 padding{};
  double gain = 1;
  FilterMode mode = FilterMode::convolution;
};

/// x [N, C, H, W] with up - 1 zeros after each pixel and `padding` around that (negative ones crop), filtered, times
/// `gain`, of which every down-th pixel stays: [N, C, OH, OW], OH = floor((H * up + padding - KH) / down) + 1.
/// `filter`, a constant of any floating dtype, is [KH, KW], or [K] for the outer product of it with itself, which is
/// KH times as fast; its numbers are read by the host, so it should lie on the CPU. Linear in x: one `resample2d` or,
/// for [KH, KW], the sum of one per row; zeros are never made.
Variable upfirdn2d(const Variable& x, const Tensor& filter, const Upfirdn2dOptions& o = {});

/// x enlarged `factor` times, pixels staying in place: gain factor^2 makes up for the zeros (StyleGAN's upsample2d).
Variable fir_upsample2d(const Variable& x, const Tensor& filter, std::int64_t factor = 2);
/// x reduced `factor` times (StyleGAN's downsample2d): H / factor, rounded down, if the filter is as long as `factor`
/// at least.
Variable fir_downsample2d(const Variable& x, const Tensor& filter, std::int64_t factor = 2);

/// The binomial coefficients of `taps` >= 1 places divided by their sum, [taps], float64: [1, 2, 1] / 4 (R3GAN's
/// filter) for 3, [1, 3, 3, 1] / 8 (StyleGAN's) for 4.
Tensor binomial_filter(std::int64_t taps);

}  // namespace duel
