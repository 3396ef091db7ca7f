// Every pointwise operation's scalar formula, once, for all devices. A unary one is y = f(x), a binary one y = f(a, b);
// both may use two constants p and q. The names ending in _grad are gradients: a is the incoming gradient, b the input
// or output that the derivative needs.
//
// To add one: its struct here, its name in the list below, its function in autograd/pointwise.{h,cpp} (or
// activations, compare), its row in the op table.
#pragma once

#include <cmath>
#include <cstdint>

#include "duel/tensor/host_device.h"
#include "duel/tensor/math.h"

namespace duel {

// clang-format off
#define DUEL_UNARY_OPS(X)                                                                                       \
  X(affine) X(abs) X(sign) X(floor) X(ceil) X(round) X(exp) X(expm1) X(log) X(log1p) X(sqrt) X(rsqrt)           \
  X(square) X(reciprocal) X(pow) X(sin) X(cos) X(erf) X(clamp) X(relu) X(leaky_relu) X(elu) X(tanh) X(sigmoid)  \
  X(softplus) X(silu) X(gelu) X(gelu_tanh) X(below)

#define DUEL_BINARY_OPS(X)                                                                                       \
  X(add) X(sub) X(mul) X(div) X(power) X(maximum) X(minimum) X(gt) X(ge) X(lt) X(le) X(eq) X(ne) X(relu_grad)    \
  X(leaky_relu_grad) X(elu_grad) X(tanh_grad) X(sigmoid_grad) X(softplus_grad) X(silu_grad) X(gelu_grad)         \
  X(gelu_tanh_grad) X(clamp_grad) X(abs_grad) X(lerp)
// clang-format on

#define DUEL_ENUMERATE(name) name,
enum class UnaryOp : std::uint8_t { DUEL_UNARY_OPS(DUEL_ENUMERATE) count };
enum class BinaryOp : std::uint8_t { DUEL_BINARY_OPS(DUEL_ENUMERATE) count };
#undef DUEL_ENUMERATE

namespace functors {

#define DUEL_UNARY(name)                   \
  struct name {                            \
    template <class T>                     \
    static DUEL_HD T apply(T x, T p, T q); \
  };                                       \
  template <class T>                       \
  DUEL_HD T name::apply(T x, [[maybe_unused]] T p, [[maybe_unused]] T q)

DUEL_UNARY(affine) { return p * x + q; }
DUEL_UNARY(abs) { return std::abs(x); }
DUEL_UNARY(sign) { return x > 0 ? T(1) : x < 0 ? T(-1) : T(0); }
DUEL_UNARY(floor) { return std::floor(x); }
DUEL_UNARY(ceil) { return std::ceil(x); }
DUEL_UNARY(round) { return std::nearbyint(x); }  // halves to even
DUEL_UNARY(exp) { return math::exp(x); }
DUEL_UNARY(expm1) { return math::expm1(x); }
DUEL_UNARY(log) { return math::log(x); }
DUEL_UNARY(log1p) { return math::log1p(x); }
DUEL_UNARY(sqrt) { return std::sqrt(x); }
DUEL_UNARY(rsqrt) { return T(1) / std::sqrt(p == T(0) ? x : x + p); }  // of -0: -inf
DUEL_UNARY(square) { return x * x; }
DUEL_UNARY(reciprocal) { return T(1) / x; }
DUEL_UNARY(pow) { return math::pow(x, p); }
DUEL_UNARY(sin) { return std::sin(x); }
DUEL_UNARY(cos) { return std::cos(x); }
DUEL_UNARY(erf) { return math::erf(x); }
DUEL_UNARY(clamp) { return x < p ? p : x > q ? q : x; }  // NaN stays NaN
DUEL_UNARY(relu) { return x < 0 ? T(0) : x; }            // so here
DUEL_UNARY(leaky_relu) { return x > 0 ? x : p * x; }
DUEL_UNARY(elu) { return q * (x > 0 ? x : p * math::expm1(x)); }
DUEL_UNARY(tanh) { return math::tanh(x); }
DUEL_UNARY(sigmoid) {
  const T e = math::exp(-std::abs(x));  // never overflows
  return (x < 0 ? e : T(1)) / (T(1) + e);
}
DUEL_UNARY(softplus) { return (x > 0 ? x : T(0)) + math::log1p(math::exp(-std::abs(x))); }

// silu and both gelus are x times a share s that runs from 0 to 1. Far out, s on the left and its slope on both sides
// fall to 0 faster than x rises: where they are 0 they win, so that infinities give the limits and not 0 * inf.
template <class T>
DUEL_HD T gated(T x, T s) {
  return s > 0 ? x * s : s;
}
template <class T>
DUEL_HD T gated_derivative(T x, T s, T slope) {
  return slope > 0 ? s + x * slope : s;
}
/// The derivative of sigmoid.
template <class T>
DUEL_HD T sigmoid_slope(T x) {
  const T e = math::exp(-std::abs(x));
  return e / ((T(1) + e) * (T(1) + e));
}
/// The normal distribution's share below x, without cancellation for negative x, and its density.
template <class T>
DUEL_HD T normal_share(T x) {
  return T(0.5) * math::erfc(x * T(-0.70710678118654752));
}
template <class T>
DUEL_HD T normal_density(T x) {
  return T(0.39894228040143268) * math::exp(T(-0.5) * x * x);
}
/// Hendrycks & Gimpel (2016): the share is nearly sigmoid(u), u = sqrt(8 / pi) (x + 0.044715 x^3).
template <class T>
DUEL_HD T gelu_tanh_argument(T x) {
  return T(1.5957691216057308) * x * (T(1) + T(0.044715) * x * x);
}
DUEL_UNARY(silu) { return gated(x, sigmoid::apply(x, p, q)); }
DUEL_UNARY(gelu) { return gated(x, normal_share(x)); }
DUEL_UNARY(gelu_tanh) { return gated(x, sigmoid::apply(gelu_tanh_argument(x), p, q)); }

DUEL_UNARY(below) { return x < p ? q : T(0); }  // dropout's mask: q where the uniform number x is below p

#define DUEL_BINARY(name)                       \
  struct name {                                 \
    template <class T>                          \
    static DUEL_HD T apply(T a, T b, T p, T q); \
  };                                            \
  template <class T>                            \
  DUEL_HD T name::apply(T a, T b, [[maybe_unused]] T p, [[maybe_unused]] T q)

DUEL_BINARY(add) { return a + b; }
DUEL_BINARY(sub) { return a - b; }
DUEL_BINARY(mul) { return a * b; }
DUEL_BINARY(div) { return a / b; }
DUEL_BINARY(maximum) { return (a > b) | (a != a) ? a : b; }  // NaN if either is
DUEL_BINARY(minimum) { return (a < b) | (a != a) ? a : b; }
DUEL_BINARY(power) { return math::pow(a, b); }
DUEL_BINARY(gt) { return a > b ? T(1) : T(0); }  // comparisons with NaN are false ...
DUEL_BINARY(ge) { return a >= b ? T(1) : T(0); }
DUEL_BINARY(lt) { return a < b ? T(1) : T(0); }
DUEL_BINARY(le) { return a <= b ? T(1) : T(0); }
DUEL_BINARY(eq) { return a == b ? T(1) : T(0); }
DUEL_BINARY(ne) { return a != b ? T(1) : T(0); }  // ... but for this one
DUEL_BINARY(relu_grad) { return b > 0 ? a : T(0); }
DUEL_BINARY(leaky_relu_grad) { return b > 0 ? a : p * a; }
DUEL_BINARY(elu_grad) { return b > 0 ? q * a : q * p * math::exp(b) * a; }
DUEL_BINARY(tanh_grad) { return a * (T(1) - b * b); }
DUEL_BINARY(sigmoid_grad) { return a * b * (T(1) - b); }
DUEL_BINARY(softplus_grad) { return a * sigmoid::apply(b, p, q); }
DUEL_BINARY(silu_grad) { return a * gated_derivative(b, sigmoid::apply(b, p, q), sigmoid_slope(b)); }
DUEL_BINARY(gelu_grad) { return a * gated_derivative(b, normal_share(b), normal_density(b)); }
DUEL_BINARY(gelu_tanh_grad) {
  const T u = gelu_tanh_argument(b), du = T(1.5957691216057308) * (T(1) + T(3 * 0.044715) * b * b);
  const T slope = sigmoid_slope(u);
  return a * gated_derivative(b, sigmoid::apply(u, p, q), slope > 0 ? slope * du : slope);
}
DUEL_BINARY(clamp_grad) { return b < p || b > q ? T(0) : a; }
DUEL_BINARY(abs_grad) { return b > 0 ? a : b < 0 ? -a : T(0); }
DUEL_BINARY(lerp) { return a + p * (b - a); }

#undef DUEL_UNARY
#undef DUEL_BINARY

}  // namespace functors
}  // namespace duel
