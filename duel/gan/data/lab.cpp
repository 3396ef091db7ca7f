#include "duel/gan/data/lab.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace duel {
namespace {

using Colour = std::array<double, 3>;
using Matrix = std::array<Colour, 3>;

constexpr Matrix kXyzOfRgb = {{{0.412453, 0.357580, 0.180423},  //
                               {0.212671, 0.715160, 0.072169},
                               {0.019334, 0.119193, 0.950227}}};
constexpr Colour kWhite = {0.95047, 1, 1.08883};                            // D65, 2 degrees
constexpr double kLightnessScale = 50, kColourScale = 110;                  // of colourisation
constexpr double kLinearUpTo = 0.008856, kSlope = 7.787, kAt0 = 16. / 116;  // CIE's f is straight near 0
constexpr double kSrgbLinearUpTo = 0.04045, kSrgbSlope = 12.92;

constexpr Matrix inverse(const Matrix& m) {
  const auto cofactor = [&](int i, int j) {
    const int a = (i + 1) % 3, b = (i + 2) % 3, c = (j + 1) % 3, d = (j + 2) % 3;
    return m[a][c] * m[b][d] - m[a][d] * m[b][c];
  };
  const double determinant = m[0][0] * cofactor(0, 0) + m[0][1] * cofactor(0, 1) + m[0][2] * cofactor(0, 2);
  Matrix result{};
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) result[j][i] = cofactor(i, j) / determinant;
  return result;
}
constexpr Matrix kRgbOfXyz = inverse(kXyzOfRgb);

Colour operator*(const Matrix& m, const Colour& v) {
  Colour result{};
  for (int i = 0; i < 3; ++i) result[i] = m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2];
  return result;
}

// Of a level in [0, 255] the light, in [0, 1].
double light(double level) {
  const double v = level / 255;
  return v > kSrgbLinearUpTo ? std::pow((v + 0.055) / 1.055, 2.4) : v / kSrgbSlope;
}
double light(std::uint8_t level) {
  static const std::array<double, 256> lights = [] {
    std::array<double, 256> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = light(static_cast<double>(i));
    return all;
  }();
  return lights[level];
}
double level(double light) {
  return 255 * (light > 0.0031308 ? 1.055 * std::pow(light, 1 / 2.4) - 0.055 : light * kSrgbSlope);
}

template <class T>
Colour lab_of_rgb(const std::array<T, 3>& rgb) {
  Colour xyz = kXyzOfRgb * Colour{light(rgb[0]), light(rgb[1]), light(rgb[2])};
  for (int i = 0; i < 3; ++i) {
    const double v = xyz[i] / kWhite[i];
    xyz[i] = v > kLinearUpTo ? std::cbrt(v) : kSlope * v + kAt0;
  }
  return {116 * xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])};
}

// Levels from 0 to 255, not clipped.
Colour rgb_of_lab(const Colour& lab) {
  const double y = (lab[0] + 16) / 116;
  Colour xyz = {y + lab[1] / 500, y, std::max(y - lab[2] / 200, 0.0)};  // no light is below 0
  for (int i = 0; i < 3; ++i) {
    const double v = xyz[i];
    xyz[i] = kWhite[i] * (v > 0.2068966 ? v * v * v : (v - kAt0) / kSlope);
  }
  const Colour rgb = kRgbOfXyz * xyz;
  return {level(rgb[0]), level(rgb[1]), level(rgb[2])};
}

// One channel of pictures, [N, H, W].
using Channels = std::array<Tensor, 3>;
Tensor channel(const Tensor& pictures, std::int64_t c) {
  return (pictures.dim() == 3 ? pictures.unsqueeze(0) : pictures).select(1, c);
}
Channels channels(const Tensor& pictures) { return {channel(pictures, 0), channel(pictures, 1), channel(pictures, 2)}; }
Channels channels(const LightnessAndColours& p) {
  return {channel(p.lightness, 0), channel(p.colours, 0), channel(p.colours, 1)};
}

// Each pixel of `out` is f of that of `in`.
template <class T, class U, class F>
void map_pixels(const Channels& in, const Channels& out, F f) {
  const auto place = [](const Tensor& t, std::int64_t n, std::int64_t y, std::int64_t x) {
    return n * t.strides()[0] + y * t.strides()[1] + x * t.strides()[2];
  };
  for (std::int64_t n = 0; n < in[0].size(0); ++n)
    for (std::int64_t y = 0; y < in[0].size(1); ++y)
      for (std::int64_t x = 0; x < in[0].size(2); ++x) {
        std::array<T, 3> pixel;
        for (int c = 0; c < 3; ++c) pixel[c] = in[c].data<T>()[place(in[c], n, y, x)];
        const std::array<U, 3> result = f(pixel);
        for (int c = 0; c < 3; ++c) out[c].mutable_data<U>()[place(out[c], n, y, x)] = result[c];
      }
}

template <class T, class U>
std::array<T, 3> converted(const std::array<U, 3>& v) {
  return {static_cast<T>(v[0]), static_cast<T>(v[1]), static_cast<T>(v[2])};
}

void check_pictures(const char* operation, const Tensor& pictures, std::int64_t count) {
  check(pictures.defined() && (pictures.dim() == 3 || pictures.dim() == 4) && pictures.size(-3) == count &&
            pictures.device() == Device::cpu,
        operation, "needs pictures [", count, ", H, W] or [N, ", count, ", H, W] on the CPU, got ", pictures);
}

// The shape of pictures with another number of channels.
Shape with_channels(const Tensor& pictures, std::int64_t count) {
  if (pictures.dim() == 3) return {count, pictures.size(1), pictures.size(2)};
  return {pictures.size(0), count, pictures.size(2), pictures.size(3)};
}

// Calls f with the types of the levels that `rgb` has and of the numbers that are made of them.
template <class F>
void dispatch_levels(const char* operation, const Tensor& rgb, F&& f) {
  check_pictures(operation, rgb, 3);
  if (rgb.dtype() == DType::uint8) return f(TypeTag<std::uint8_t>{}, TypeTag<float>{});
  dispatch_floating(operation, rgb.dtype(), [&]<class T>(TypeTag<T> tag) { f(tag, tag); });
}

}  // namespace

Tensor rgb_to_lab(const Tensor& rgb) {
  Tensor lab;
  dispatch_levels("rgb_to_lab", rgb, [&]<class T, class U>(TypeTag<T>, TypeTag<U>) {
    lab = Tensor::empty(rgb.shape(), {.dtype = dtype_of<U>()});
    map_pixels<T, U>(channels(rgb), channels(lab), [](const auto& pixel) { return converted<U>(lab_of_rgb(pixel)); });
  });
  return lab;
}

Tensor lab_to_rgb(const Tensor& lab) {
  check_pictures("lab_to_rgb", lab, 3);
  const Tensor rgb = Tensor::empty(lab.shape(), {.dtype = lab.dtype()});
  dispatch_floating("lab_to_rgb", lab.dtype(), [&]<class T>(TypeTag<T>) {
    map_pixels<T, T>(channels(lab), channels(rgb), [](const auto& pixel) {
      Colour levels = rgb_of_lab(converted<double>(pixel));
      for (double& v : levels) v = std::clamp(v, 0.0, 255.0);
      return converted<T>(levels);
    });
  });
  return rgb;
}

LightnessAndColours lightness_and_colours(const Tensor& rgb) {
  LightnessAndColours result;
  dispatch_levels("lightness_and_colours", rgb, [&]<class T, class U>(TypeTag<T>, TypeTag<U>) {
    result.lightness = Tensor::empty(with_channels(rgb, 1), {.dtype = dtype_of<U>()});
    result.colours = Tensor::empty(with_channels(rgb, 2), {.dtype = dtype_of<U>()});
    map_pixels<T, U>(channels(rgb), channels(result), [](const auto& pixel) {
      const Colour lab = lab_of_rgb(pixel);
      return converted<U>(Colour{lab[0] / kLightnessScale - 1, lab[1] / kColourScale, lab[2] / kColourScale});
    });
  });
  return result;
}

Tensor colourised(const Tensor& lightness, const Tensor& colours, Rounding rounding) {
  check_pictures("colourised", lightness, 1);
  check_pictures("colourised", colours, 2);
  check(with_channels(lightness, 2) == colours.shape() && lightness.dtype() == colours.dtype(), "colourised",
        "the colours ", colours, " are not those of the lightness ", lightness);
  const Tensor rgb = Tensor::empty(with_channels(lightness, 3), {.dtype = DType::uint8});
  dispatch_floating("colourised", lightness.dtype(), [&]<class T>(TypeTag<T>) {
    map_pixels<T, std::uint8_t>(channels({lightness, colours}), channels(rgb), [&](const auto& pixel) {
      const Colour scaled = converted<double>(pixel);
      const Colour levels =
          rgb_of_lab({(scaled[0] + 1) * kLightnessScale, scaled[1] * kColourScale, scaled[2] * kColourScale});
      return std::array{to_byte(levels[0], rounding), to_byte(levels[1], rounding), to_byte(levels[2], rounding)};
    });
  });
  return rgb;
}

}  // namespace duel
