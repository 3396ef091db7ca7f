// What becomes of a picture on its way from a data set to a mini-batch: its channels, size, crop and flip, as the
// systems define them that published results come from. A transform changes sizes and colours, not the scale of values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "duel/gan/data/dataset.h"
#include "duel/gan/data/resize.h"
#include "duel/gan/models/option_text.h"
#include "duel/tensor/backend.h"
#include "duel/tensor/rng.h"

namespace duel {

/// How a picture gets its size. `load` and `crop` are TransformOptions' load_size and crop_size. In brackets what it is
/// resampled with unless `filter` says otherwise.
///
///   none                  both sides to the nearest multiple of `multiple` (CycleGAN's, there of 4) [bicubic]
///   resize                to load (CycleGAN's; Ganzo's with [bilinear]; fastai's squish) [bicubic]
///   resize_and_crop       to load, then a random crop (CycleGAN's) [bicubic]
///   crop                  a random crop (CycleGAN's)
///   scale_width           the width to load's, the height with it, but at least crop's (CycleGAN's) [bicubic]
///   scale_width_and_crop  the same, then a random crop (CycleGAN's) [bicubic]
///   center_crop           the largest centred part of load's proportions, to load (BigGAN's) [bilinear]
///   random_crop           the same part at a random place (BigGAN's augmentation; fastai's crop) [bilinear]
///   cover_and_crop        as small as covers load, then a centred crop (torchvision's Resize of the short side and
///                         CenterCrop, as the DCGAN tutorial has it) [bilinear]
///   fit_and_pad           as large as fits into load, in the middle of black (fastai's pad) [bilinear]
///   pad_and_crop          a random crop of the size from before `pad` (CIFAR's augmentation, there with pad 4)
enum class Preprocess : std::uint8_t {
  none,
  resize,
  resize_and_crop,
  crop,
  scale_width,
  scale_width_and_crop,
  center_crop,
  random_crop,
  cover_and_crop,
  fit_and_pad,
  pad_and_crop
};

constexpr auto names_of(Preprocess) {
  using enum Preprocess;
  return std::array{Named{none, "none"},
                    Named{resize, "resize"},
                    Named{resize_and_crop, "resize_and_crop"},
                    Named{crop, "crop"},
                    Named{scale_width, "scale_width"},
                    Named{scale_width_and_crop, "scale_width_and_crop"},
                    Named{center_crop, "center_crop"},
                    Named{random_crop, "random_crop"},
                    Named{cover_and_crop, "cover_and_crop"},
                    Named{fit_and_pad, "fit_and_pad"},
                    Named{pad_and_crop, "pad_and_crop"}};
}

/// `horizontal`: left and right change places, with probability 1/2.
enum class Flip : std::uint8_t { none, horizontal };
constexpr auto names_of(Flip) { return std::array{Named{Flip::none, "none"}, Named{Flip::horizontal, "horizontal"}}; }

/// Whether the two pictures of a pair are cropped and flipped alike, or each by draws of its own.
enum class PairDraws : std::uint8_t { shared, independent };
constexpr auto names_of(PairDraws) {
  return std::array{Named{PairDraws::shared, "shared"}, Named{PairDraws::independent, "independent"}};
}

/// In the order in which they apply; the defaults leave an example as it is. A crop of several sizes' pictures makes
/// them one size; `none` and scale_width don't.
struct TransformOptions {
  std::int64_t channels = 0;         ///< 0: as it is; 1: grey, by PIL's rule for L; 3: RGB, grey repeated
  std::int64_t target_channels = 0;  ///< the same for the other one of a pair
  std::int64_t pad = 0;              ///< a black border, this many pixels wide
  Preprocess preprocess = Preprocess::none;
  std::int64_t multiple = 1;
  Size2 load_size{286, 286}, crop_size{256, 256};
  std::optional<ResizeFilter> filter{};  ///< none: as the policy's system has it
  Flip flip = Flip::none;
  PairDraws pair_draws = PairDraws::shared;
};

/// Throws for options that no picture could be transformed with, naming the one and what it takes.
void check_options(const TransformOptions& options);

/// The pictures of `example` transformed: dense, channels-last in memory, their type and scale kept. Draws, each by
/// Rng::below: for a random crop its left column, then its top row, from all places where it fits; for a flip one of 2,
/// of which 1 flips. `none` and the centred policies draw no places. Independent draws are those of the picture, then
/// those of the target. With shared draws the two must be of one size before they are cropped. Throws if a crop is
/// larger than what it is taken from, and where channels can't be made of those that are there.
Example transform(const TransformOptions& options, const Example& example, Rng& draws);

}  // namespace duel
