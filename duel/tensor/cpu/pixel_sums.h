// Weighted sums of rows of pixels, what resizing pictures is made of.
#pragma once

#include <cstdint>

namespace duel::cpu {

constexpr std::int64_t kPixelLanes = 32;  // pixels that are summed side by side
constexpr int kPixelWeightBits = 22;      // of a byte's weight behind the point: leaves room for sums of some 2 * 255

/// out[i] = the sum over k < count of weights[k] * in[k * stride + i], for i < kPixelLanes.
struct PixelSums {
  /// Weights in units of 2^-22; the sum is rounded to the nearest byte and clamped.
  void (*bytes)(const std::uint8_t* in, std::int64_t stride, const std::int32_t* weights, std::int64_t count,
                std::uint8_t* out);
  /// Summed in double, one after the other.
  void (*floats)(const float* in, std::int64_t stride, const double* weights, std::int64_t count, float* out);
};

/// Those of this processor's instruction set (isa.h).
const PixelSums& pixel_sums();

}  // namespace duel::cpu
