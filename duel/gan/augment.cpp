#include "duel/gan/augment.h"

#include <algorithm>
#include <cmath>

#include "duel/autograd/check_picture.h"
#include "duel/autograd/ops.h"

namespace duel {
namespace {

constexpr double kTranslation = 1.0 / 8, kCutout = 1.0 / 2;  // of a picture's side
constexpr std::int64_t kNone = -1;                           // a pixel that shows 0

std::int64_t rounded(double x) { return static_cast<std::int64_t>(std::floor(x + 0.5)); }

void check_shape(const char* operation, const Shape& shape) {
  check(shape.dim() == 4 && shape[2] >= 1 && shape[3] >= 1, operation,
        "needs the shape of pictures [N, C, H, W] of one pixel or more, got ", shape);
}

// Those drawn for each picture, within [-most, most].
const std::int64_t* offsets(const char* operation, const Tensor& drawn, const Variable& pictures, std::int64_t most) {
  check(drawn.defined() && drawn.dtype() == DType::int64 && drawn.shape() == Shape{pictures.size(0)} &&
            drawn.is_row_major() && drawn.device() == Device::cpu,
        operation, "pictures ", pictures.value(), " need an int64 offset each, got ", drawn);
  const std::int64_t* const values = drawn.data<std::int64_t>();
  for (std::int64_t n = 0; n < drawn.numel(); ++n)
    check(values[n] >= -most && values[n] <= most, operation, "the offset ", values[n], " of picture ", n,
          " is more than ", most, " pixels");
  return values;
}

// What each picture is multiplied by, or is added to it: [N, 1, 1, 1].
Variable per_picture(const Tensor& drawn, const Variable& pictures) {
  check(drawn.defined() && is_floating(drawn.dtype()) && drawn.shape() == Shape{pictures.size(0)}, "DiffAugment",
        "pictures ", pictures.value(), " need a floating number each, got ", drawn);
  return drawn.to(pictures.dtype()).to(pictures.value().device()).reshape({pictures.size(0), 1, 1, 1});
}

Tensor draw_offsets(Rng& rng, std::int64_t count, std::int64_t most) {
  Tensor drawn = rng.integers({count}, 2 * most + 1);
  std::int64_t* const values = drawn.mutable_data<std::int64_t>();
  std::for_each(values, values + count, [&](std::int64_t& offset) { offset -= most; });
  return drawn;
}

// Which pictures are left as they are; none, without a draw, for a probability of 1.
std::vector<bool> draw_untouched(Rng& rng, std::int64_t count, double probability) {
  std::vector<bool> untouched(static_cast<std::size_t>(count));
  if (probability == 1) return untouched;
  const Tensor drawn = rng.uniform({count}, 0, 1, {.dtype = DType::float64});
  const double* const values = drawn.data<double>();
  for (std::size_t n = 0; n < untouched.size(); ++n) untouched[n] = values[n] >= probability;
  return untouched;
}

// `neutral` in their places.
template <class T>
void neutralize(Tensor drawn, const std::vector<bool>& untouched, T neutral) {
  T* const values = drawn.mutable_data<T>();
  for (std::size_t n = 0; n < untouched.size(); ++n)
    if (untouched[n]) values[n] = neutral;
}

void neutralize(const PixelOffsets& drawn, const std::vector<bool>& untouched, std::int64_t neutral) {
  neutralize(drawn.h, untouched, neutral);
  neutralize(drawn.w, untouched, neutral);
}

void check_probability(const char* operation, double probability) {
  check(probability >= 0 && probability <= 1, operation, "the probability must lie in [0, 1], got ", probability);
}

// Pixel (i, j) of picture n becomes its pixel (row(n, i), column(n, j)), or 0 where one of these is kNone. A look-up of
// pixels, of all their channels at once.
template <class Row, class Column>
Variable look_up_pixels(const Variable& x, Row&& row, Column&& column) {
  const std::int64_t samples = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3), pixels = samples * h * w;
  Tensor index = Tensor::empty({pixels}, {.dtype = DType::int64});
  Tensor none = Tensor::zeros({pixels, 1}, {.dtype = DType::int64});
  std::int64_t *from = index.mutable_data<std::int64_t>(), *empty = none.mutable_data<std::int64_t>();
  for (std::int64_t n = 0; n < samples; ++n)
    for (std::int64_t i = 0; i < h; ++i)
      for (std::int64_t j = 0; j < w; ++j, ++from, ++empty) {
        const std::int64_t r = row(n, i), s = column(n, j);
        *empty = r == kNone || s == kNone;
        *from = *empty ? 0 : (n * h + r) * w + s;
      }
  const Device device = x.value().device();
  const Variable rows = reshape(permute(x, {0, 2, 3, 1}), {pixels, c});
  const Variable shown = masked_fill(index_select(rows, 0, index.to(device)), none.to(device), 0);
  return permute(reshape(shown, {samples, h, w, c}), {0, 3, 1, 2});
}

Variable recolored(const DiffAugment& drawn, const Variable& pictures) {
  const Variable bright = pictures + per_picture(drawn.brightness, pictures);
  const Variable grey = mean(bright, {1}, KeepDims::yes);
  const Variable saturated = grey + (bright - grey) * per_picture(drawn.saturation, pictures);
  const Variable level = mean(saturated, {1, 2, 3}, KeepDims::yes);
  return level + (saturated - level) * per_picture(drawn.contrast, pictures);
}

Variable translated(const PixelOffsets& by, const Variable& pictures) {
  const std::int64_t h = pictures.size(2), w = pictures.size(3);
  const std::int64_t* const down = offsets("DiffAugment", by.h, pictures, kMostPixels);
  const std::int64_t* const right = offsets("DiffAugment", by.w, pictures, kMostPixels);
  const auto within = [](std::int64_t i, std::int64_t size) { return i >= 0 && i < size ? i : kNone; };
  return look_up_pixels(
      pictures, [&](std::int64_t n, std::int64_t i) { return within(i + down[n], h); },
      [&](std::int64_t n, std::int64_t j) { return within(j + right[n], w); });
}

Variable cut_out(const PixelOffsets& centre, const Variable& pictures) {
  const std::int64_t samples = pictures.size(0), h = pictures.size(2), w = pictures.size(3);
  const std::int64_t* const row = offsets("DiffAugment", centre.h, pictures, kMostPixels);
  const std::int64_t* const column = offsets("DiffAugment", centre.w, pictures, kMostPixels);
  struct Range {
    std::int64_t begin, end;
  };
  const auto cut = [](std::int64_t middle, std::int64_t size) {
    const std::int64_t side = rounded(kCutout * static_cast<double>(size)), begin = middle - side / 2;
    return Range{std::clamp<std::int64_t>(begin, 0, size), std::clamp<std::int64_t>(begin + side, 0, size)};
  };
  const Tensor mask = Tensor::zeros({samples, 1, h, w}, {.dtype = DType::int64});
  for (std::int64_t n = 0; n < samples; ++n) {
    const Range rows = cut(row[n], h), columns = cut(column[n], w);
    mask.select(0, n).slice(1, rows.begin, rows.end).slice(2, columns.begin, columns.end).fill_(1);
  }
  return masked_fill(pictures, mask.to(pictures.value().device()), 0);
}

}  // namespace

std::vector<DiffAugmentPart> diff_augment_policy(std::string_view text) {
  std::vector<DiffAugmentPart> policy;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view name = text.substr(0, comma);
    check(name == "color" || name == "translation" || name == "cutout", "diff_augment_policy", "unknown part '", name,
          "'; known: color, translation, cutout");
    const DiffAugmentPart part = name == "color"         ? DiffAugmentPart::color
                                 : name == "translation" ? DiffAugmentPart::translation
                                                         : DiffAugmentPart::cutout;
    check(std::find(policy.begin(), policy.end(), part) == policy.end(), "diff_augment_policy", "the part '", name,
          "' is named twice");
    policy.push_back(part);
    check(comma != text.size() - 1, "diff_augment_policy", "a name is missing after the last comma");
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return policy;
}

Variable DiffAugment::operator()(const Variable& pictures) const {
  check_filled_picture("DiffAugment", pictures);
  Variable x = pictures;
  for (DiffAugmentPart part : policy) switch (part) {
      case DiffAugmentPart::color: x = recolored(*this, x); break;
      case DiffAugmentPart::translation: x = translated(translation, x); break;
      case DiffAugmentPart::cutout: x = cut_out(cutout, x); break;
    }
  return x;
}

DiffAugment draw_diff_augment(Rng& rng, std::string_view policy, const Shape& shape, double probability) {
  check_shape("draw_diff_augment", shape);
  check_probability("draw_diff_augment", probability);
  const std::int64_t n = shape[0];
  const auto uniform = [&](double low, double high) { return rng.uniform({n}, low, high, {.dtype = DType::float64}); };
  const auto shift = [&](std::int64_t size) {
    return draw_offsets(rng, n, rounded(kTranslation * static_cast<double>(size)));
  };
  const auto centre = [&](std::int64_t size) {
    const std::int64_t side = rounded(kCutout * static_cast<double>(size));
    return rng.integers({n}, side % 2 == 0 ? size + 1 : size);
  };
  DiffAugment drawn;
  drawn.policy = diff_augment_policy(policy);
  if (probability == 0) drawn.policy.clear();
  for (DiffAugmentPart part : drawn.policy) switch (part) {
      case DiffAugmentPart::color: {
        drawn.brightness = uniform(-0.5, 0.5);
        drawn.saturation = uniform(0, 2);
        drawn.contrast = uniform(0.5, 1.5);
        const std::vector<bool> untouched = draw_untouched(rng, n, probability);
        neutralize(drawn.brightness, untouched, 0.0);
        neutralize(drawn.saturation, untouched, 1.0);
        neutralize(drawn.contrast, untouched, 1.0);
        break;
      }
      case DiffAugmentPart::translation:
        drawn.translation = {.h = shift(shape[2]), .w = shift(shape[3])};
        neutralize(drawn.translation, draw_untouched(rng, n, probability), 0);
        break;
      case DiffAugmentPart::cutout:
        drawn.cutout = {.h = centre(shape[2]), .w = centre(shape[3])};
        neutralize(drawn.cutout, draw_untouched(rng, n, probability), -std::max(shape[2], shape[3]));  // outside
        break;
    }
  return drawn;
}

Variable FlipAndShift::operator()(const Variable& pictures) const {
  check_filled_picture("FlipAndShift", pictures);
  const std::int64_t h = pictures.size(2), w = pictures.size(3);
  const std::int64_t* const mirrored = offsets("FlipAndShift", flipped, pictures, 1);
  const std::int64_t* const down = offsets("FlipAndShift", shift.h, pictures, h - 1);
  const std::int64_t* const right = offsets("FlipAndShift", shift.w, pictures, w - 1);
  const auto reflected = [](std::int64_t i, std::int64_t size) { return size - 1 - std::abs(size - 1 - std::abs(i)); };
  return look_up_pixels(
      pictures, [&](std::int64_t n, std::int64_t i) { return reflected(i + down[n], h); },
      [&](std::int64_t n, std::int64_t j) {
        const std::int64_t source = reflected(j + right[n], w);
        return mirrored[n] ? w - 1 - source : source;
      });
}

FlipAndShift draw_flip_and_shift(Rng& rng, const Shape& shape, double probability) {
  check_shape("draw_flip_and_shift", shape);
  check_probability("draw_flip_and_shift", probability);
  const std::int64_t n = shape[0];
  const Tensor flipped = rng.integers({n}, 2), down = draw_offsets(rng, n, shape[2] / 8);
  const FlipAndShift drawn{.flipped = flipped, .shift = {.h = down, .w = draw_offsets(rng, n, shape[3] / 8)}};
  neutralize<std::int64_t>(drawn.flipped, draw_untouched(rng, n, probability), 0);
  neutralize(drawn.shift, draw_untouched(rng, n, probability), 0);
  return drawn;
}

Variable perturb_latents(Rng& rng, const Variable& z, double deviation) {
  check(z.defined() && is_floating(z.dtype()), "perturb_latents", "needs float32 or float64 latents, got ", z.value());
  check(std::isfinite(deviation) && deviation >= 0, "perturb_latents",
        "the deviation must be finite and not negative, got ", deviation);
  return z + rng.normal(z.shape(), 0, deviation, {.dtype = z.dtype(), .device = z.value().device()});
}

}  // namespace duel
