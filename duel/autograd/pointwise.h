// Pointwise operations: y[i] = f(x[i]) or f(a[i], b[i]), float32 or float64, differentiable to any order. Binary ones
// broadcast by NumPy's rule. The scalar formulas are in tensor/functors.h. Names and conventions are PyTorch's.
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
Variable exp(const Variable& x);
Variable log(const Variable& x);
Variable log1p(const Variable& x);
/// Gradient infinite at 0, as in mathematics: add an epsilon where that can occur.
Variable sqrt(const Variable& x);
Variable rsqrt(const Variable& x);
Variable square(const Variable& x);
Variable reciprocal(const Variable& x);
/// x to a constant power.
Variable pow(const Variable& x, double exponent);
/// Gradient 1 within [low, high], bounds included, and 0 outside.
Variable clamp(const Variable& x, double low, double high);
/// Gradient 0 at 0.
Variable relu(const Variable& x);
/// x above 0, slope * x elsewhere; the gradient at 0 is `slope`.
Variable leaky_relu(const Variable& x, double slope = 0.2);
Variable tanh(const Variable& x);
/// 1 / (1 + exp(-x)), without overflow.
Variable sigmoid(const Variable& x);
/// log(1 + exp(x)), without overflow.
Variable softplus(const Variable& x);
/// log(sigmoid(x)) = -softplus(-x)
Variable log_sigmoid(const Variable& x);
/// The gradient is shared half and half where a = b.
Variable maximum(const Variable& a, const Variable& b);
Variable minimum(const Variable& a, const Variable& b);

/// Another dtype, float32 or float64; the gradient is converted back.
Variable cast(const Variable& x, DType dtype);

}  // namespace duel
