// bfloat16: the upper half of a float32, for devices that multiply it fast. It is stored, moved and converted; sums and
// functions are computed in float32.
#pragma once

#include <cstdint>
#include <cstring>

#include "duel/tensor/host_device.h"

namespace duel {

struct bfloat16 {
  std::uint16_t bits;

  bfloat16() = default;
  /// The nearest one, halves to even; NaN stays NaN.
  DUEL_HD explicit bfloat16(float x) {
    std::uint32_t u;
    std::memcpy(&u, &x, sizeof u);
    const bool is_nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<std::uint16_t>(is_nan ? (u >> 16 | 0x40u) : (u + 0x7fffu + (u >> 16 & 1u)) >> 16);
  }
  DUEL_HD operator float() const {  // exact
    const std::uint32_t u = static_cast<std::uint32_t>(bits) << 16;
    float x;
    std::memcpy(&x, &u, sizeof x);
    return x;
  }
};

/// What arithmetic on elements of type T is done in.
template <class T>
struct ComputeType {
  using type = T;
};
template <>
struct ComputeType<bfloat16> {
  using type = float;
};
template <class T>
using compute_t = typename ComputeType<T>::type;

}  // namespace duel
