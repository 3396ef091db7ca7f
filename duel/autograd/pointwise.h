// Pointwise operations: y[i] = f(x[i]) or f(a[i], b[i]), float32 or float64, differentiable to any order. Binary ones
// broadcast by NumPy's rule. The scalar formulas are in tensor/functors.h. Names and conventions are PyTorch's.
// Activations and comparisons have headers of their own.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

Variable operator+(const Variable& a, const Variable& b);
Variable operator-(const Variable& a, const Variable& b);
Variable operator*(const Variable& a, const Variable& b);
Variable operator/(const Variable& a, const Variable& b);
Variable operator-(const Variable& x);
Variable operator+(const Variable& x, double c);
Variable operator+(double c, const Variable& x);
Variable operator-(const Variable& x, double c);
Variable operator-(double c, const Variable& x);
Variable operator*(const Variable& x, double c);
Variable operator*(double c, const Variable& x);
Variable operator/(const Variable& x, double c);
Variable operator/(double c, const Variable& x);

/// scale * x + shift
Variable affine(const Variable& x, double scale, double shift);
/// Gradient sign(x), which is 0 at 0.
Variable abs(const Variable& x);
/// -1, 0 or 1; its gradient is 0 everywhere.
Variable sign(const Variable& x);
/// To the next integer below, above, or at either side (halves to the even one); their gradient is 0 everywhere.
Variable floor(const Variable& x);
Variable ceil(const Variable& x);
Variable round(const Variable& x);
Variable exp(const Variable& x);
/// exp(x) - 1, exact for small x too.
Variable expm1(const Variable& x);
Variable log(const Variable& x);
Variable log1p(const Variable& x);
/// Gradient infinite at 0, as in mathematics: add an epsilon where that can occur.
Variable sqrt(const Variable& x);
Variable rsqrt(const Variable& x);
Variable square(const Variable& x);
Variable reciprocal(const Variable& x);
/// x to a constant power.
Variable pow(const Variable& x, double exponent);
/// x to any power; x^0 = 1. The exponent's gradient, x^e log x, is 0 at x = 0 for e >= 0, and NaN for negative x.
Variable pow(const Variable& x, const Variable& exponent);
Variable sin(const Variable& x);
Variable cos(const Variable& x);
/// 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.
Variable erf(const Variable& x);
/// Gradient 1 within [low, high], bounds included, and 0 outside.
Variable clamp(const Variable& x, double low, double high);
/// The gradient is shared half and half where a = b.
Variable maximum(const Variable& a, const Variable& b);
Variable minimum(const Variable& a, const Variable& b);

/// Another dtype, float32 or float64; the gradient is converted back.
Variable cast(const Variable& x, DType dtype);

}  // namespace duel
