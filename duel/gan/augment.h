// Augmentations of pictures on their way to a discriminator. All are differentiable in the pictures to any order, so a
// generator can learn through them. What is drawn is kept apart from its use: the same drawing can be applied to two
// batches, or looked at. It lies on the device of the pictures, and is the same on all devices.
#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "duel/autograd/variable.h"
#include "duel/tensor/rng.h"

namespace duel {

/// Rows and columns, one of each per sample.
struct PixelOffsets {
  Tensor h, w;  // int64 [N]
};

/// The three parts of DiffAugment.
enum class DiffAugmentPart : std::uint8_t { color, translation, cutout };

/// How likely a part of an augmentation is for each picture: a number, or one on the pictures' device, float64 with one
/// element, that may be another whenever a recorded step is done. That is always drawn by, be it 0 or 1.
using Probability = std::variant<double, Tensor>;

/// Parts by their authors' names, separated by commas: "color,translation,cutout", in the order in which they are
/// applied. None for "". An unknown or repeated name throws.
std::vector<DiffAugmentPart> diff_augment_policy(std::string_view text);

/// A drawing of DiffAugment (Zhao et al. 2020, with the numbers of the authors' program) for N pictures. What belongs
/// to no part of the policy is undefined and not used.
struct DiffAugment {
  std::vector<DiffAugmentPart> policy;
  Tensor brightness;         // float64 [N], in [-0.5, 0.5): added
  Tensor saturation;         // float64 [N], in [0, 2): times the distance from the pixel's mean over channels
  Tensor contrast;           // float64 [N], in [0.5, 1.5): times the distance from the picture's mean
  PixelOffsets translation;  // pixel (i, j) becomes the one at (i + h, j + w), 0 where there is none
  PixelOffsets cutout;       // centre of the rectangle set to 0, H / 2 x W / 2 pixels (halves up), cut at the borders

  /// Pictures [N, C, H, W], float32 or float64, to pictures of that shape.
  Variable operator()(const Variable& pictures) const;
};

/// For pictures of `shape` [N, C, H, W] on `device`. Translations are uniform in [-H / 8, H / 8] and [-W / 8, W / 8]
/// (rounded, halves up), centres of cutouts over all pixels (and one place more where the rectangle's side is even).
/// Authors augment real and generated pictures with drawings of their own, for the discriminator's step and the
/// generator's.
/// With a `probability` below 1, each part leaves each picture as it is (but for roundings) unless a draw of its own
/// says otherwise, as in ADA; with 0 there are no parts.
DiffAugment draw_diff_augment(Rng& rng, std::string_view policy, const Shape& shape, double probability = 1,
                              Device device = Device::cpu);
DiffAugment draw_diff_augment(Rng& rng, std::string_view policy, const Shape& shape, const Probability& probability,
                              Device device);

/// A drawing of the augmentation that consistency regularisation (CR, Zhang et al. 2020; bCR, Zhao et al. 2021)
/// compares scores by: pictures mirrored left to right, then shifted.
struct FlipAndShift {
  Tensor flipped;      // int64 [N], 1 for those mirrored
  PixelOffsets shift;  // pixel (i, j) becomes the one at (i + h, j + w), pictures being reflected about border pixels

  /// Pictures [N, C, H, W], float32 or float64, to pictures of that shape. Shifts reach H - 1 and W - 1 pixels at most.
  Variable operator()(const Variable& pictures) const;
};

/// For pictures of `shape` [N, C, H, W] on `device`, as in PyTorch-StudioGAN: half of them mirrored, shifts uniform in
/// [-H / 8, H / 8] and [-W / 8, W / 8] (rounded down), which is the paper's 4 pixels for pictures of 32. With a
/// `probability` below 1, only as many pictures may be mirrored, and shifted, each by a draw of its own.
FlipAndShift draw_flip_and_shift(Rng& rng, const Shape& shape, double probability = 1, Device device = Device::cpu);

/// z + deviation N(0, 1), what zCR (Zhao et al. 2021) compares z with; z [N, ...], float32 or float64. The paper's
/// deviation is the default; PyTorch-StudioGAN's configurations have 0.05.
Variable perturb_latents(Rng& rng, const Variable& z, double deviation = 0.03);

}  // namespace duel
