#include "duel/gan/augment.h"

#include <algorithm>
#include <cmath>

#include "duel/autograd/check_floating.h"
#include "duel/autograd/check_picture.h"
#include "duel/autograd/ops.h"

namespace duel {
namespace {

constexpr double kTranslation = 1.0 / 8, kCutout = 1.0 / 2;  // of a picture's side

std::int64_t rounded(double x) { return static_cast<std::int64_t>(std::floor(x + 0.5)); }

void check_shape(const char* operation, const Shape& shape) {
  check(shape.dim() == 4 && shape[2] >= 1 && shape[3] >= 1, operation,
        "needs the shape of pictures [N, C, H, W] of one pixel or more, got ", shape);
}

// Offsets drawn for each picture, [N, 1], float64; within [-most, most], which is looked at on the CPU only: elsewhere
// a look-up beyond the pictures is the kernel's to find.
Variable offsets(const char* operation, const Tensor& drawn, const Variable& pictures, std::int64_t most) {
  check(drawn.defined() && drawn.dtype() == DType::int64 && drawn.shape() == Shape{pictures.size(0)}, operation,
        "pictures ", pictures.value(), " need an int64 offset each, got ", drawn);
  check_devices(operation, pictures.value(), drawn);
  if (drawn.device() == Device::cpu) {
    const std::vector<std::int64_t> values = drawn.to_vector<std::int64_t>();
    for (std::size_t n = 0; n < values.size(); ++n)
      check(values[n] >= -most && values[n] <= most, operation, "the offset ", values[n], " of picture ", n,
            " is more than ", most, " pixels");
  }
  return drawn.to(DType::float64).unsqueeze(1);
}

// What each picture is multiplied by, or is added to it: [N, 1, 1, 1].
Variable per_picture(const Tensor& drawn, const Variable& pictures) {
  check(drawn.defined() && is_floating(drawn.dtype()) && drawn.shape() == Shape{pictures.size(0)}, "DiffAugment",
        "pictures ", pictures.value(), " need a floating number each, got ", drawn);
  check_devices("DiffAugment", pictures.value(), drawn);
  return drawn.to(pictures.dtype()).reshape({pictures.size(0), 1, 1, 1});
}

// From -most to most.
Tensor draw_offsets(Rng& rng, std::int64_t count, std::int64_t most, Device device) {
  const Variable drawn = rng.integers({count}, 2 * most + 1, device).to(DType::float64);
  return (drawn - static_cast<double>(most)).value().to(DType::int64);
}

bool is_number(const Probability& p, double number) {
  const double* const given = std::get_if<double>(&p);
  return given && *given == number;
}

// 1 for pictures that are left as they are, else 0; undefined, without a draw, for a probability of 1.
Tensor draw_untouched(Rng& rng, std::int64_t count, const Probability& probability, Device device) {
  if (is_number(probability, 1)) return {};
  const Variable drawn = rng.uniform({count}, 0, 1, {.dtype = DType::float64, .device = device});
  const double* number = std::get_if<double>(&probability);
  return (number ? ge(drawn, *number) : ge(drawn, std::get<Tensor>(probability).reshape({1}))).value();
}

// `neutral` in their places.
void neutralize(Tensor& drawn, const Tensor& untouched, double neutral) {
  if (untouched.defined()) drawn = masked_fill(drawn.to(DType::float64), untouched, neutral).value().to(drawn.dtype());
}

void neutralize(PixelOffsets& drawn, const Tensor& untouched, double neutral) {
  neutralize(drawn.h, untouched, neutral);
  neutralize(drawn.w, untouched, neutral);
}

void check_probability(const char* operation, double probability) {
  check(probability >= 0 && probability <= 1, operation, "the probability must lie in [0, 1], got ", probability);
}

void check_probability(const char* operation, const Probability& probability, Device device) {
  if (const double* number = std::get_if<double>(&probability)) return check_probability(operation, *number);
  const Tensor& t = std::get<Tensor>(probability);
  check(t.defined() && t.numel() == 1 && t.dtype() == DType::float64 && t.device() == device, operation,
        "a probability that is no number must be one float64 on ", device, ", got ", t, " on ", t.device());
}

// 0, 1, ... size - 1
Variable counted(std::int64_t size, const Variable& like) {
  return arange(size, DType::float64, like.value().device());
}

// 1 where 0 <= v < size, else 0.
Variable within(const Variable& v, std::int64_t size) { return ge(v, 0) * lt(v, static_cast<double>(size)); }

// [N, H] and [N, W] as a mask for pictures, [N, H, W].
Variable mask_of(const Variable& rows, const Variable& columns, DType dtype) {
  return cast(unsqueeze(rows, 2), dtype) * cast(unsqueeze(columns, 1), dtype);
}

// Pixel (i, j) of picture n becomes its pixel (rows[n, i], columns[n, j]); float64 [N, H] and [N, W]. A look-up of
// pixels, of all their channels at once.
Variable look_up_pixels(const Variable& x, const Variable& rows, const Variable& columns) {
  const std::int64_t samples = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3), pixels = samples * h * w;
  const Variable first_rows = reshape(counted(samples, x), {samples, 1}) * static_cast<double>(h);
  const Variable index = unsqueeze((first_rows + rows) * static_cast<double>(w), 2) + unsqueeze(columns, 1);
  const Variable from = reshape(permute(x, {0, 2, 3, 1}), {pixels, c});
  const Variable shown = index_select(from, 0, index.value().to(DType::int64).reshape({pixels}));
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
  const Variable rows = counted(h, pictures) + offsets("DiffAugment", by.h, pictures, kMostPixels);
  const Variable columns = counted(w, pictures) + offsets("DiffAugment", by.w, pictures, kMostPixels);
  const Variable shown = look_up_pixels(pictures, clamp(rows, 0, static_cast<double>(h - 1)),
                                        clamp(columns, 0, static_cast<double>(w - 1)));
  const Variable exists = mask_of(within(rows, h), within(columns, w), pictures.dtype());
  return masked_fill(shown, unsqueeze(1 - exists, 1), 0);
}

Variable cut_out(const PixelOffsets& centre, const Variable& pictures) {
  const auto cut = [&](const Tensor& middle, std::int64_t size) {
    const std::int64_t side = rounded(kCutout * static_cast<double>(size));
    const Variable begin = offsets("DiffAugment", middle, pictures, kMostPixels) - static_cast<double>(side / 2);
    return within(counted(size, pictures) - begin, side);
  };
  const Variable rows = cut(centre.h, pictures.size(2)), columns = cut(centre.w, pictures.size(3));
  return masked_fill(pictures, unsqueeze(mask_of(rows, columns, pictures.dtype()), 1), 0);
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

DiffAugment draw_diff_augment(Rng& rng, std::string_view policy, const Shape& shape, double probability,
                              Device device) {
  return draw_diff_augment(rng, policy, shape, Probability(probability), device);
}

DiffAugment draw_diff_augment(Rng& rng, std::string_view policy, const Shape& shape, const Probability& probability,
                              Device device) {
  check_shape("draw_diff_augment", shape);
  check_probability("draw_diff_augment", probability, device);
  const std::int64_t n = shape[0];
  const auto uniform = [&](double low, double high) {
    return rng.uniform({n}, low, high, {.dtype = DType::float64, .device = device});
  };
  const auto shift = [&](std::int64_t size) {
    return draw_offsets(rng, n, rounded(kTranslation * static_cast<double>(size)), device);
  };
  const auto centre = [&](std::int64_t size) {
    const std::int64_t side = rounded(kCutout * static_cast<double>(size));
    return rng.integers({n}, side % 2 == 0 ? size + 1 : size, device);
  };
  const auto untouched = [&] { return draw_untouched(rng, n, probability, device); };
  DiffAugment drawn;
  drawn.policy = diff_augment_policy(policy);
  if (is_number(probability, 0)) drawn.policy.clear();
  for (DiffAugmentPart part : drawn.policy) switch (part) {
      case DiffAugmentPart::color: {
        drawn.brightness = uniform(-0.5, 0.5);
        drawn.saturation = uniform(0, 2);
        drawn.contrast = uniform(0.5, 1.5);
        const Tensor left_out = untouched();
        neutralize(drawn.brightness, left_out, 0);
        neutralize(drawn.saturation, left_out, 1);
        neutralize(drawn.contrast, left_out, 1);
        break;
      }
      case DiffAugmentPart::translation:
        drawn.translation = {.h = shift(shape[2]), .w = shift(shape[3])};
        neutralize(drawn.translation, untouched(), 0);
        break;
      case DiffAugmentPart::cutout:
        drawn.cutout = {.h = centre(shape[2]), .w = centre(shape[3])};
        neutralize(drawn.cutout, untouched(), -static_cast<double>(std::max(shape[2], shape[3])));  // outside
        break;
    }
  // Drawn all the same, so that the stream goes on as on a device, whose value is not known here.
  if (device == Device::cpu && std::holds_alternative<Tensor>(probability) && std::get<Tensor>(probability).item() == 0)
    drawn.policy.clear();
  return drawn;
}

Variable FlipAndShift::operator()(const Variable& pictures) const {
  check_filled_picture("FlipAndShift", pictures);
  const auto reflected = [&](const Tensor& by, std::int64_t size) {  // [N, size]
    const double last = static_cast<double>(size - 1);
    const Variable at = counted(size, pictures) + offsets("FlipAndShift", by, pictures, size - 1);
    return last - abs(last - abs(at));
  };
  const Variable mirrored = offsets("FlipAndShift", flipped, pictures, 1);
  const Variable rows = reflected(shift.h, pictures.size(2)), columns = reflected(shift.w, pictures.size(3));
  const double last = static_cast<double>(pictures.size(3) - 1);
  return look_up_pixels(pictures, rows, where(mirrored, last - columns, columns));
}

FlipAndShift draw_flip_and_shift(Rng& rng, const Shape& shape, double probability, Device device) {
  check_shape("draw_flip_and_shift", shape);
  check_probability("draw_flip_and_shift", probability);
  const std::int64_t n = shape[0];
  FlipAndShift drawn;
  drawn.flipped = rng.integers({n}, 2, device);
  drawn.shift.h = draw_offsets(rng, n, shape[2] / 8, device);
  drawn.shift.w = draw_offsets(rng, n, shape[3] / 8, device);
  neutralize(drawn.flipped, draw_untouched(rng, n, probability, device), 0);
  neutralize(drawn.shift, draw_untouched(rng, n, probability, device), 0);
  return drawn;
}

Variable perturb_latents(Rng& rng, const Variable& z, double deviation) {
  check(z.defined() && is_floating(z.dtype()), "perturb_latents", "needs float32 or float64 latents, got ", z.value());
  check(std::isfinite(deviation) && deviation >= 0, "perturb_latents",
        "the deviation must be finite and not negative, got ", deviation);
  return z + rng.normal(z.shape(), 0, deviation, {.dtype = z.dtype(), .device = z.value().device()});
}

}  // namespace duel
