// Each function runs its kernel and records the gradient, which is written with other pointwise operations: so it can
// be differentiated as often as one likes.
#include "duel/autograd/pointwise.h"

#include <numbers>

#include "duel/autograd/compare.h"
#include "duel/autograd/pointwise_kernels.h"
#include "duel/tensor/kept_cast.h"

namespace duel {
namespace {

// The share of the gradient that the larger of two operands takes: 1, 0, or 1/2 where they are equal. A constant.
Variable share_of_larger(const Variable& a, const Variable& b) {
  return affine(sign(a.detach() - b.detach()), 0.5, 0.5);
}

// Of steps: 0 wherever there is one.
Variables no_gradient(const Backward&) { return {Variable()}; }

Variable clamp_grad(const Variable& g, const Variable& x, double low, double high) {
  return record("clamp_grad", {g, x},
                binary_kernel("clamp_grad", BinaryOp::clamp_grad, g.value(), x.value(), {low, high}),
                [x = Saved(x), low, high](const Backward& b) -> Variables {
                  return {clamp_grad(b.grad, x.get(), low, high), {}};
                });
}

Variable abs_grad(const Variable& g, const Variable& x) {
  return record("abs_grad", {g, x}, binary_kernel("abs_grad", BinaryOp::abs_grad, g.value(), x.value()),
                [x = Saved(x)](const Backward& b) -> Variables {
                  return {abs_grad(b.grad, x.get()), {}};
                });
}

}  // namespace

Variable operator+(const Variable& left, const Variable& right) {
  const auto [a, b] = broadcast("add", left, right);
  return record("add", {a, b}, binary_kernel("add", BinaryOp::add, a.value(), b.value()),
                [](const Backward& k) -> Variables {
                  return {k.grad, k.grad};
                });
}

Variable operator-(const Variable& left, const Variable& right) {
  const auto [a, b] = broadcast("sub", left, right);
  return record("sub", {a, b}, binary_kernel("sub", BinaryOp::sub, a.value(), b.value()),
                [](const Backward& k) -> Variables {
                  return {k.grad, k.needs(1) ? -k.grad : Variable()};
                });
}

Variable operator*(const Variable& left, const Variable& right) {
  const auto [a, b] = broadcast("mul", left, right);
  return record("mul", {a, b}, binary_kernel("mul", BinaryOp::mul, a.value(), b.value()),
                [a = Saved(a), b = Saved(b)](const Backward& k) -> Variables {
                  return {k.needs(0) ? k.grad * b.get() : Variable(), k.needs(1) ? k.grad * a.get() : Variable()};
                });
}

Variable operator/(const Variable& left, const Variable& right) {
  const auto [a, b] = broadcast("div", left, right);
  return record(
      "div", {a, b}, binary_kernel("div", BinaryOp::div, a.value(), b.value()),
      [b = Saved(b)](const Backward& k) -> Variables {
        const Variable over_b = k.grad / b.get();
        return {over_b, k.needs(1) ? -over_b * k.output() : Variable()};
      },
      Keep::output);
}

Variable operator-(const Variable& x) { return affine(x, -1, 0); }
Variable operator+(const Variable& x, double c) { return affine(x, 1, c); }
Variable operator+(double c, const Variable& x) { return affine(x, 1, c); }
Variable operator-(const Variable& x, double c) { return affine(x, 1, -c); }
Variable operator-(double c, const Variable& x) { return affine(x, -1, c); }
Variable operator*(const Variable& x, double c) { return affine(x, c, 0); }
Variable operator*(double c, const Variable& x) { return affine(x, c, 0); }
Variable operator/(const Variable& x, double c) { return affine(x, 1 / c, 0); }
Variable operator/(double c, const Variable& x) { return affine(reciprocal(x), c, 0); }

Variable affine(const Variable& x, double scale, double shift) {
  return record("affine", {x}, unary_kernel("affine", UnaryOp::affine, x.value(), {scale, shift}),
                [scale](const Backward& b) -> Variables { return {scale == 1 ? b.grad : affine(b.grad, scale, 0)}; });
}

Variable abs(const Variable& x) {
  return record("abs", {x}, unary_kernel("abs", UnaryOp::abs, x.value()),
                [x = Saved(x)](const Backward& b) -> Variables { return {abs_grad(b.grad, x.get())}; });
}

Variable sign(const Variable& x) {
  return record("sign", {x}, unary_kernel("sign", UnaryOp::sign, x.value()), no_gradient);
}

Variable floor(const Variable& x) {
  return record("floor", {x}, unary_kernel("floor", UnaryOp::floor, x.value()), no_gradient);
}

Variable ceil(const Variable& x) {
  return record("ceil", {x}, unary_kernel("ceil", UnaryOp::ceil, x.value()), no_gradient);
}

Variable round(const Variable& x) {
  return record("round", {x}, unary_kernel("round", UnaryOp::round, x.value()), no_gradient);
}

Variable exp(const Variable& x) {
  return record(
      "exp", {x}, unary_kernel("exp", UnaryOp::exp, x.value()),
      [](const Backward& b) -> Variables { return {b.grad * b.output()}; }, Keep::output);
}

Variable expm1(const Variable& x) {
  return record("expm1", {x}, unary_kernel("expm1", UnaryOp::expm1, x.value()),
                [x = Saved(x)](const Backward& b) -> Variables { return {b.grad * exp(x.get())}; });
}

Variable log(const Variable& x) {
  return record("log", {x}, unary_kernel("log", UnaryOp::log, x.value()),
                [x = Saved(x)](const Backward& b) -> Variables { return {b.grad / x.get()}; });
}

Variable log1p(const Variable& x) {
  return record("log1p", {x}, unary_kernel("log1p", UnaryOp::log1p, x.value()),
                [x = Saved(x)](const Backward& b) -> Variables { return {b.grad / (x.get() + 1)}; });
}

Variable sqrt(const Variable& x) {
  return record(
      "sqrt", {x}, unary_kernel("sqrt", UnaryOp::sqrt, x.value()),
      [](const Backward& b) -> Variables { return {0.5 * b.grad / b.output()}; }, Keep::output);
}

Variable rsqrt(const Variable& x) {
  return record(
      "rsqrt", {x}, unary_kernel("rsqrt", UnaryOp::rsqrt, x.value()),
      [](const Backward& b) -> Variables { return {-0.5 * b.grad * pow(b.output(), 3)}; }, Keep::output);
}

Variable square(const Variable& x) {
  return record("square", {x}, unary_kernel("square", UnaryOp::square, x.value()),
                [x = Saved(x)](const Backward& b) -> Variables { return {2 * b.grad * x.get()}; });
}

Variable reciprocal(const Variable& x) {
  return record(
      "reciprocal", {x}, unary_kernel("reciprocal", UnaryOp::reciprocal, x.value()),
      [](const Backward& b) -> Variables { return {-b.grad * square(b.output())}; }, Keep::output);
}

Variable pow(const Variable& x, double exponent) {
  return record("pow", {x}, unary_kernel("pow", UnaryOp::pow, x.value(), {exponent}),
                [x = Saved(x), exponent](const Backward& b) -> Variables {
                  if (exponent == 0) return {Variable()};  // not 0 * x^-1, which is NaN at 0
                  return {exponent * b.grad * pow(x.get(), exponent - 1)};
                });
}

Variable pow(const Variable& base, const Variable& exponent) {
  const auto [x, e] = broadcast("pow", base, exponent);
  return record(
      "pow", {x, e}, binary_kernel("pow", BinaryOp::power, x.value(), e.value()),
      [x = Saved(x), e = Saved(e)](const Backward& b) -> Variables {
        Variables grads(2);
        // A factor of 0 wins over the infinite or undefined one beside it: there the latter is taken of 1 instead.
        const Variable zero = eq(x.get(), 0);
        if (b.needs(0)) {
          const Variable flat = masked_fill(x.get(), zero * eq(e.get(), 0), 1);
          grads[0] = b.grad * e.get() * pow(flat, e.get() - 1);
        }
        if (b.needs(1)) grads[1] = b.grad * b.output() * log(masked_fill(x.get(), zero * ge(e.get(), 0), 1));
        return grads;
      },
      Keep::output);
}

Variable sin(const Variable& x) {
  return record("sin", {x}, unary_kernel("sin", UnaryOp::sin, x.value()),
                [x = Saved(x)](const Backward& b) -> Variables { return {b.grad * cos(x.get())}; });
}

Variable cos(const Variable& x) {
  return record("cos", {x}, unary_kernel("cos", UnaryOp::cos, x.value()),
                [x = Saved(x)](const Backward& b) -> Variables { return {-b.grad * sin(x.get())}; });
}

Variable erf(const Variable& x) {
  return record("erf", {x}, unary_kernel("erf", UnaryOp::erf, x.value()),
                [x = Saved(x)](const Backward& b) -> Variables {
                  return {2 * std::numbers::inv_sqrtpi * b.grad * exp(-square(x.get()))};
                });
}

Variable clamp(const Variable& x, double low, double high) {
  check(low <= high, "clamp", "low ", low, " is above high ", high);
  return record(
      "clamp", {x}, unary_kernel("clamp", UnaryOp::clamp, x.value(), {low, high}),
      [x = Saved(x), low, high](const Backward& b) -> Variables { return {clamp_grad(b.grad, x.get(), low, high)}; });
}

Variable maximum(const Variable& left, const Variable& right) {
  const auto [a, b] = broadcast("maximum", left, right);
  return record("maximum", {a, b}, binary_kernel("maximum", BinaryOp::maximum, a.value(), b.value()),
                [a = Saved(a), b = Saved(b)](const Backward& k) -> Variables {
                  const Variable share = share_of_larger(a.get(), b.get());
                  return {k.grad * share, k.grad * (1 - share)};
                });
}

Variable minimum(const Variable& left, const Variable& right) {
  const auto [a, b] = broadcast("minimum", left, right);
  return record("minimum", {a, b}, binary_kernel("minimum", BinaryOp::minimum, a.value(), b.value()),
                [a = Saved(a), b = Saved(b)](const Backward& k) -> Variables {
                  const Variable share = share_of_larger(b.get(), a.get());
                  return {k.grad * share, k.grad * (1 - share)};
                });
}

Variable cast(const Variable& x, DType dtype) {
  check(x.defined(), "cast", "the input is undefined");
  check(is_floating(x.dtype()) && is_floating(dtype), "cast", "from ", x.dtype(), " to ", dtype,
        ": only between floating types");
  if (dtype == x.dtype()) return x;
  const bool may_be_kept = x.node() && x.node()->is_leaf() && x.dtype() == DType::float32 && dtype == DType::bfloat16;
  const Tensor kept = may_be_kept ? kept_cast(x.value()) : Tensor();
  return record("cast", {x}, kept.defined() ? kept : x.value().to(dtype),
                [from = x.dtype()](const Backward& b) -> Variables { return {cast(b.grad, from)}; });
}

}  // namespace duel
