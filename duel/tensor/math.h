// The transcendental functions of the pointwise formulas, without branches, so that the CPU's loops over them become
// vector instructions of any width; on the GPU its own functions.
//
// Each is made of IEEE operations on one element: where the loops are compiled without contraction (cmake/simd.cmake)
// an element's bits depend on nothing but its value. The arguments of exponentials are reduced as by Cody and Waite
// (1980), logarithms are taken as in fdlibm; polynomials are minimax fits, whose errors relative to the function stand
// beside them. Worst errors in units in the last place, float32 (tests/tensor/math_test.cpp): exp 1, log 0.9, log1p,
// expm1 1.5, tanh 2.5, erf 2.7, erfc 6, pow 0.6; float64: exp 1, log 0.8, log1p 1.3, expm1 1.9, tanh 2.5. The error
// functions and powers of float64 are the standard library's.
#pragma once

#include <cmath>

#include "duel/tensor/host_device.h"

#ifdef __CUDACC__

namespace duel::math {
using std::erf, std::erfc, std::exp, std::expm1, std::log, std::log1p, std::pow, std::tanh;
}  // namespace duel::math

#else

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace duel::math {

template <class T>
struct Format;
template <>
struct Format<float> {
  using Bits = std::uint32_t;
  static constexpr int kMantissa = 23;
  static constexpr Bits kBias = 127;
};
template <>
struct Format<double> {
  using Bits = std::uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr Bits kBias = 1023;
};

template <class T>
DUEL_HD typename Format<T>::Bits bits(T x) {
  return std::bit_cast<typename Format<T>::Bits>(x);
}

/// if_so ? a : b. For float as bit operations: of choices in the language compilers make paths, and many of a few. (For
/// double the oldest vector instructions have no such masks.)
DUEL_HD float choose(bool if_so, float a, float b) {
  const std::uint32_t mask = 0 - static_cast<std::uint32_t>(if_so);
  return std::bit_cast<float>((bits(a) & mask) | (bits(b) & ~mask));
}
DUEL_HD double choose(bool if_so, double a, double b) { return if_so ? a : b; }

/// a * b + c, in one rounding where the instruction set has it.
DUEL_HD float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
DUEL_HD double multiply_add(double a, double b, double c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// c0 + c1 x + c2 x^2 + ...
template <class T>
DUEL_HD T polynomial(T, T c0) {
  return c0;
}
template <class T, class... Rest>
DUEL_HD T polynomial(T x, T c0, Rest... rest) {
  return multiply_add(polynomial(x, static_cast<T>(rest)...), x, c0);
}

/// Adding it leaves a small integer in the low bits, rounded to nearest; subtracting it again gives the integer.
template <class T>
constexpr T kMagic = T(1.5) * static_cast<T>(std::uint64_t{1} << Format<T>::kMantissa);

template <class T>
DUEL_HD T rounded(T x) {
  return (x + kMagic<T>)-kMagic<T>;
}
/// 2^k for an integer k that is the exponent of a normal number.
template <class T>
DUEL_HD T power_of_two(T k) {
  return std::bit_cast<T>(bits(k + (kMagic<T> + static_cast<T>(Format<T>::kBias))) << Format<T>::kMantissa);
}

/// ln 2 in two parts, the first short enough that its multiples by any exponent are exact.
template <class T>
constexpr T kLn2High = std::is_same_v<T, float> ? T(0x1.62e4p-1) : T(0x1.62e42feep-1);
template <class T>
constexpr T kLn2Low = std::is_same_v<T, float> ? T(0x1.7f7d1cp-20) : T(0x1.a39ef35793c76p-33);

/// x = n ln 2 + r, |r| <= ln 2 / 2, and e^r - 1.
template <class T>
struct ReducedExponential {
  T n, r_expm1;
};
template <class T>
DUEL_HD ReducedExponential<T> reduce_exponential(T x) {
  const T n = rounded(x * T(1.4426950408889634));
  const T r = multiply_add(n, -kLn2Low<T>, multiply_add(n, -kLn2High<T>, x));
  T p;
  if constexpr (std::is_same_v<T, float>)  // 2^-34
    p = polynomial(r, 0x1.000000p-1f, 0x1.555556p-3f, 0x1.555480p-5f, 0x1.11107cp-7f, 0x1.6d9734p-10f, 0x1.a1b8b0p-13f);
  else  // 2^-64
    p = polynomial(r, 0.5, 0x1.555555555555cp-3, 0x1.555555555555ep-5, 0x1.111111110eb6dp-7, 0x1.6c16c16c1350ap-10,
                   0x1.a01a01b3d66abp-13, 0x1.a01a01b476c95p-16, 0x1.71ddef4e9cf43p-19, 0x1.27e4bef18ffa4p-22,
                   0x1.af6d471b7da00p-26, 0x1.1f9e4820466a2p-29);
  return {n, multiply_add(r * r, p, r)};
}

template <class T>
DUEL_HD T exp(T x) {
  constexpr T kLow = std::is_same_v<T, float> ? T(-104) : T(-746), kHigh = std::is_same_v<T, float> ? T(89) : T(710);
  constexpr T kHalf = static_cast<T>(Format<T>::kBias / 2), kInfinity = std::numeric_limits<T>::infinity();
  const auto [n, r_expm1] = reduce_exponential(x);
  const bool small = n < -kHalf;  // in two steps, since 2^n itself may be no normal number
  const T y =
      (T(1) + r_expm1) * power_of_two(n + choose(small, kHalf, T(-1))) * choose(small, power_of_two(-kHalf), T(2));
  return choose(x < kLow, T(0), choose(x > kHigh, kInfinity, y));
}

/// e^x - 1 where e^x = 2^n (1 + r_expm1). Exact in n = 0, so that small arguments lose nothing.
template <class T>
DUEL_HD T expm1_of(T n, T r_expm1) {
  const T scale = power_of_two(n);
  return multiply_add(r_expm1, scale, scale - T(1));
}

template <class T>
DUEL_HD T expm1(T x) {
  constexpr T kLow = std::is_same_v<T, float> ? T(-20) : T(-40), kHigh = std::is_same_v<T, float> ? T(89) : T(710);
  constexpr T kLargest = static_cast<T>(Format<T>::kBias), kInfinity = std::numeric_limits<T>::infinity();
  const auto [n, r_expm1] = reduce_exponential(x);
  const bool large = n > kLargest;
  const T y = choose(large, T(2), T(1)) * expm1_of(n - choose(large, T(1), T(0)), r_expm1);
  return choose(x < kLow, T(-1), choose(x > kHigh, kInfinity, std::copysign(y, x)));  // -0 stays
}

/// u = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for u > 0 and normal.
template <class T>
struct ReducedLogarithm {
  T k, f;
};
template <class T>
DUEL_HD ReducedLogarithm<T> reduce_logarithm(T u) {
  using Bits = typename Format<T>::Bits;
  constexpr Bits kOne = Format<T>::kBias << Format<T>::kMantissa, kMask = (Bits{1} << Format<T>::kMantissa) - 1;
  constexpr Bits kRootHalf = std::bit_cast<Bits>(T(0.70710678118654752));
  const Bits shifted = bits(u) + (kOne - kRootHalf);
  const T k = std::bit_cast<T>((shifted >> Format<T>::kMantissa) + std::bit_cast<Bits>(kMagic<T>));
  return {k - (kMagic<T> + static_cast<T>(Format<T>::kBias)), std::bit_cast<T>((shifted & kMask) + kRootHalf) - T(1)};
}

/// k ln 2 + log(1 + f)
template <class T>
DUEL_HD T sum_logarithm(T k, T f) {
  const T square = f * f;
  if constexpr (std::is_same_v<T, float>) {
    // f - f^2 / 2 + f^3 p(f): a longer polynomial than below, but no division
    const T p = polynomial(f, 0x1.555548p-2f, -0x1.000006p-2f, 0x1.99a4c0p-3f, -0x1.555c54p-3f, 0x1.23368cp-3f,
                           -0x1.fc1faap-4f, 0x1.e6fbc0p-4f, -0x1.de510cp-4f, 0x1.145766p-4f);  // 2^-30
    const T rest = multiply_add(f * square, p, multiply_add(T(-0.5), square, k * kLn2Low<T>));
    return multiply_add(k, kLn2High<T>, f + rest);
  } else {
    // 2 atanh(s) = 2 s + s z p(z), s = f / (2 + f), z = s^2
    const T s = f / (T(2) + f), z = s * s, half = T(0.5) * square;
    const T p = polynomial(z, 0x1.5555555555555p-1, 0x1.9999999999e06p-2, 0x1.249249242aaf9p-2, 0x1.c71c7259aa2b7p-3,
                           0x1.745cddff654bbp-3, 0x1.3b20b4df84a65p-3, 0x1.0f5bf5ec8476cp-3,
                           0x1.0f6a9b6762442p-3);  // 2^-66
    return k * kLn2High<T> - ((half - multiply_add(s, multiply_add(z, p, half), k * kLn2Low<T>)) - f);
  }
}

template <class T>
DUEL_HD T log(T x) {
  constexpr T kScale = static_cast<T>(std::uint64_t{4} << Format<T>::kMantissa);
  constexpr T kInfinity = std::numeric_limits<T>::infinity(), kNaN = std::numeric_limits<T>::quiet_NaN();
  const bool tiny = x < std::numeric_limits<T>::min();
  const auto [k, f] = reduce_logarithm(choose(tiny, x * kScale, x));
  const T y = sum_logarithm(k - choose(tiny, T(Format<T>::kMantissa + 2), T(0)), f);
  return choose(x > 0, choose(x < kInfinity, y, x), choose(x == 0, -kInfinity, kNaN));
}

template <class T>
DUEL_HD T log1p(T x) {
  constexpr T kInfinity = std::numeric_limits<T>::infinity(), kNaN = std::numeric_limits<T>::quiet_NaN();
  const T u = T(1) + x, of_x = u - T(1), lost = (T(1) - (u - of_x)) + (x - of_x);  // u + lost = 1 + x
  const auto [k, f] = reduce_logarithm(u);
  const T f_of_sum = multiply_add(lost, power_of_two(choose(k > 60, T(-60), -k)), f);  // beyond 2^60 it is nothing
  const T y = std::copysign(sum_logarithm(k, f_of_sum), x);
  return choose(u > 0, choose(u < kInfinity, y, u), choose(u == 0, -kInfinity, kNaN));
}

template <class T>
DUEL_HD T tanh(T x) {
  constexpr T kOne = std::is_same_v<T, float> ? T(10) : T(20);  // from here on it rounds to 1
  const T size = std::abs(x);
  const auto [n, r_expm1] = reduce_exponential(T(-2) * size);
  const T t = expm1_of(n, r_expm1), y = t / (T(2) + t);
  return std::copysign(choose(size > kOne, T(1), y), x);
}

/// erf(x) for |x| <= 1.
DUEL_HD float erf_near(float x) {
  return x * polynomial(x * x, 0x1.20dd76p+0f, -0x1.812746p-2f, 0x1.ce2f08p-4f, -0x1.b829a8p-6f, 0x1.5628eep-8f,
                        -0x1.bcbe98p-11f, 0x1.d82688p-14f, -0x1.4383eep-17f);  // 2^-35
}
/// erfc(x) for x >= 0.5, as e^(-x^2) times a polynomial in 1 / (1 + 19/32 x).
DUEL_HD float erfc_far(float x) {
  x = choose(x > 11.0f, 11.0f, x);  // beyond, the result is 0 all the same; NaN stays NaN
  const float square = x * x, high = std::bit_cast<float>(bits(x) & 0xfffff000u);  // whose square is exact
  const float lost = (high * high - square) + (x - high) * (x + high), e = exp(-square);
  const float t = 1.0f / multiply_add(0.59375f, x, 1.0f);
  const float p = polynomial(t - 0.453125f, 0x1.1cafecp-1f, 0x1.50b62ep-1f, 0x1.81b97cp-2f, -0x1.7159f8p-4f,
                             -0x1.b1f966p-3f, 0x1.0edf42p-4f, 0x1.236924p-3f, -0x1.abe120p-4f, -0x1.3c3ed0p-4f,
                             0x1.d7162ep-4f);  // 2^-30
  return multiply_add(-lost, e, e) * (t * p);
}

template <class T>
DUEL_HD T erf(T x) {
  if constexpr (std::is_same_v<T, double>) {
    return std::erf(x);
  } else {
    const float magnitude = std::abs(x);
    const float near = erf_near(x), far = std::copysign(1.0f - erfc_far(magnitude), x);
    return choose(magnitude < 1, near, far);
  }
}

template <class T>
DUEL_HD T erfc(T x) {
  if constexpr (std::is_same_v<T, double>) {
    return std::erfc(x);
  } else {
    const float magnitude = std::abs(x), far = erfc_far(magnitude), near = 1.0f - erf_near(x);
    return choose(magnitude < 0.5f, near, choose(x < 0, 2.0f - far, far));
  }
}

/// float by way of double. The special cases are those of C and IEEE.
template <class T>
DUEL_HD T pow(T x, T p) {
  if constexpr (std::is_same_v<T, double>) {
    return std::pow(x, p);
  } else {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const float size = std::abs(x);
    const float y = static_cast<float>(exp(static_cast<double>(p) * log(static_cast<double>(size))));
    const bool is_integer = std::floor(p) == p, is_odd = is_integer & (2 * std::floor(0.5f * p) != p);
    const bool is_one = (p == 0) | (x == 1) | ((size == 1) & (std::abs(p) == kInfinity));
    const bool has_no_root = (x < 0) & (size < kInfinity) & !is_integer;
    return choose(is_one, 1.0f,
                  choose(has_no_root, std::numeric_limits<float>::quiet_NaN(), choose(is_odd, std::copysign(y, x), y)));
  }
}

}  // namespace duel::math

#endif
