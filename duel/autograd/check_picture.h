// What operations on pictures ask of their input.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// The most pixels, strides and the like that an axis may have: more is a mistake, and products of two fit 64 bits.
constexpr std::int64_t kMostPixels = std::int64_t{1} << 31;

inline void check_picture(const char* operation, const Variable& x) {
  check(x.defined(), operation, "the input is undefined");
  check(x.dim() == 4 && is_floating(x.dtype()), operation, "needs a float32 or float64 [N, C, H, W], got ", x.value());
}

/// One with at least one pixel (of possibly no samples or channels).
inline void check_filled_picture(const char* operation, const Variable& x) {
  check_picture(operation, x);
  check(x.size(2) >= 1 && x.size(3) >= 1, operation, "needs at least one pixel, got ", x.value());
}

}  // namespace duel
