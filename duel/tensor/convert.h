// One element from one dtype to another, for all devices.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "duel/tensor/bfloat16.h"
#include "duel/tensor/host_device.h"

namespace duel {

/// The limits of an integer type, as constants that device code may use.
template <class T>
constexpr T kLowest = std::numeric_limits<T>::min();
template <class T>
constexpr T kHighest = std::numeric_limits<T>::max();

/// To an integer type: toward zero, saturating, NaN to 0. To bfloat16 by way of float.
template <class To, class From>
DUEL_HD To convert(From v) {
  if constexpr (std::is_same_v<From, bfloat16> && !std::is_same_v<To, bfloat16>) {
    return convert<To>(static_cast<float>(v));
  } else if constexpr (std::is_same_v<To, bfloat16> && !std::is_same_v<From, bfloat16>) {
    return bfloat16(static_cast<float>(v));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    constexpr To low = kLowest<To>, high = kHighest<To>;
    if (!(v > static_cast<From>(low))) return v != v ? To(0) : low;
    return v < static_cast<From>(high) ? static_cast<To>(v) : high;  // high may round up, to 2^63: all below still fits
  } else if constexpr (std::is_same_v<To, std::uint8_t> && std::is_same_v<From, std::int64_t>) {
    return static_cast<To>(v < 0 ? 0 : v > 255 ? 255 : v);
  } else {
    return static_cast<To>(v);
  }
}

}  // namespace duel
