// What random numbers are made of Philox's words by: the same on all devices.
#pragma once

#include <cstdint>

#include "duel/tensor/host_device.h"
#include "duel/tensor/math.h"

#ifdef __CUDACC__

namespace duel::math {

DUEL_HD double multiply_add(double a, double b, double c) { return std::fma(a, b, c); }
/// c0 + c1 x + c2 x^2 + ...
DUEL_HD double polynomial(double, double c0) { return c0; }
template <class... Rest>
DUEL_HD double polynomial(double x, double c0, Rest... rest) {
  return multiply_add(polynomial(x, rest...), x, c0);
}

}  // namespace duel::math

#endif

namespace duel {

/// Exact; there are vector instructions for signed integers only.
DUEL_HD double to_double(std::uint32_t word) {
  return static_cast<double>(static_cast<std::int32_t>(word ^ 0x80000000u)) + 0x1p31;
}

/// In [0, 1): 24 bits of the word for float, which has no more, all 32 for double.
DUEL_HD void unit(std::uint32_t word, float& u) {
  u = static_cast<float>(static_cast<std::int32_t>(word >> 8)) * 0x1p-24f;
}
DUEL_HD void unit(std::uint32_t word, double& u) { u = to_double(word) * 0x1p-32; }

/// In (0, 1): never 0, for the logarithm.
DUEL_HD double open_unit(std::uint32_t word) { return (to_double(word) + 0.5) * 0x1p-32; }

/// Cosine and sine of 2 pi word / 2^32: the nearest quarter turn, and a polynomial for the rest.
DUEL_HD void cos_sin_of_turn(std::uint32_t word, double& cosine, double& sine) {
  const std::uint32_t quarter = (word + 0x20000000u) >> 30;
  const double a = static_cast<std::int32_t>(word - (quarter << 30)) * (6.283185307179586 * 0x1p-32), z = a * a;
  const double s = math::multiply_add(  // relative errors 2^-58, and 2^-64 below
      a * z,
      math::polynomial(z, -0x1.5555555555549p-3, 0x1.111111110f861p-7, -0x1.a01a019c0e4fcp-13, 0x1.71de3574bcda4p-19,
                       -0x1.ae5e63cf2701fp-26, 0x1.5d92473588397p-33),
      a);
  const double c = math::polynomial(z, 1.0, -0.5, 0x1.555555555554cp-5, -0x1.6c16c16c15162p-10, 0x1.a01a019caef42p-16,
                                    -0x1.27e4f807d5dfap-22, 0x1.1ee9ea6c2c0d2p-29, -0x1.8fadcff8779fcp-37);
  const double x = quarter & 1 ? s : c, y = quarter & 1 ? c : s;
  cosine = (quarter + 1) & 2 ? -x : x;
  sine = quarter & 2 ? -y : y;
}

}  // namespace duel
