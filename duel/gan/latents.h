// Latents to draw pictures from: Gaussian noise, truncated or not, and ways from one latent to another.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "duel/gan/models/option_text.h"
#include "duel/tensor/rng.h"
#include "duel/tensor/tensor.h"

namespace duel {

/// Draws float32 latents of the shape, on the CPU.
using DrawNoise = std::function<Tensor(Rng& rng, const Shape& shape)>;
/// N(0, 1).
inline Tensor normal_noise(Rng& rng, const Shape& shape) { return rng.normal(shape); }
/// From -1 to 1, evenly (Radford et al. 2016, the DCGAN paper).
inline Tensor uniform_noise(Rng& rng, const Shape& shape) { return rng.uniform(shape, -1, 1); }

/// What truncation by t makes of z from N(0, 1).
///
///   resample  values beyond -t and t are drawn again (Marchesi 2017; PyTorch-StudioGAN)
///   hub       values beyond -2 and 2 are drawn again, and all multiplied by t (BigGAN's published modules)
///   scale     all values are multiplied by t (the z_var that BigGAN-PyTorch's truncation curves go through)
enum class TruncationStyle : std::uint8_t { resample, hub, scale };
constexpr auto names_of(TruncationStyle) {
  using enum TruncationStyle;
  return std::array{Named{resample, "resample"}, Named{hub, "hub"}, Named{scale, "scale"}};
}

struct LatentOptions {
  double scale = 1;       ///< times everything; BigGAN-PyTorch's z_var, which it uses as a deviation
  double truncation = 0;  ///< 0: none
  TruncationStyle style = TruncationStyle::resample;
};

/// The least truncation that `resample` takes: below, hardly any draw would do.
inline constexpr double kLeastTruncation = 0.01;

/// Throws for a scale that is not positive, a negative truncation, and less than `kLeastTruncation` for `resample`.
void check_options(const LatentOptions& options);

/// float32 `shape`, of checked options. From the same state of `rng`, what truncation leaves alone is the same for
/// every truncation.
Tensor draw_latents(Rng& rng, const Shape& shape, const LatentOptions& options = {});

/// The way between two latents: straight, or along the sphere (Shoemake 1985; White 2016), which keeps to the lengths
/// that Gaussian latents have.
enum class Path : std::uint8_t { lerp, slerp };
constexpr auto names_of(Path) { return std::array{Named{Path::lerp, "lerp"}, Named{Path::slerp, "slerp"}}; }

/// Row by row from `a` (t = 0) to `b` (t = 1), both float32 [N, latent] on the CPU. Where the two rows point the same
/// way or the opposite one, or one is zero, the sphere's way is the straight one.
Tensor between(const Tensor& a, const Tensor& b, double t, Path path);

}  // namespace duel
