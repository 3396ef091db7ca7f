#include "duel/tensor/cpu/pixel_sums.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {
namespace {

void bytes(const std::uint8_t* in, std::int64_t stride, const std::int32_t* weights, std::int64_t count,
           std::uint8_t* out) {
  std::int32_t sums[kPixelLanes];
  for (std::int32_t& sum : sums) sum = 1 << (kPixelWeightBits - 1);
  for (std::int64_t k = 0; k < count; ++k, in += stride) {
    const std::int32_t weight = weights[k];
    for (int i = 0; i < kPixelLanes; ++i) sums[i] += weight * in[i];
  }
  for (int i = 0; i < kPixelLanes; ++i) {
    const std::int32_t level = sums[i] >> kPixelWeightBits, positive = level < 0 ? 0 : level;
    out[i] = static_cast<std::uint8_t>(positive > 255 ? 255 : positive);
  }
}

void floats(const float* in, std::int64_t stride, const double* weights, std::int64_t count, float* out) {
  double sums[kPixelLanes] = {};
  for (std::int64_t k = 0; k < count; ++k, in += stride) {
    const double weight = weights[k];
    for (int i = 0; i < kPixelLanes; ++i) sums[i] += weight * static_cast<double>(in[i]);
  }
  for (int i = 0; i < kPixelLanes; ++i) out[i] = static_cast<float>(sums[i]);
}

}  // namespace

extern const PixelSums pixel_sums;
const PixelSums pixel_sums{.bytes = bytes, .floats = floats};

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
