// The pictures of make_golden_transforms.py, and how it samples results.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/golden/nn.h"

namespace duel::testing {

/// float64 [C, H, W] in [0, 256).
inline Tensor random_levels(std::int64_t channels, Size2 size) {
  return Rng(1).uniform({channels, size.h, size.w}, 0, 256, {.dtype = DType::float64});
}
inline Tensor random_picture(std::int64_t channels, Size2 size) {
  return random_levels(channels, size).to(DType::uint8);
}

/// About 40 elements in their logical order, as float64.
inline Tensor picture_sample(const Tensor& t) {
  return t.to(DType::float64).reshape({-1}).slice(0, 0, t.numel(), std::max<std::int64_t>(1, t.numel() / 37));
}

}  // namespace duel::testing
