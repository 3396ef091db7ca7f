// Each function runs its kernel and records the gradient, which is written with other pointwise operations: so it can
// be differentiated as often as one likes. An activation's gradient is one kernel of its own (`..._grad`).
#include "duel/autograd/pointwise.h"

#include "duel/autograd/shape_ops.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

Tensor unary_kernel(const char* name, UnaryOp op, const Tensor& x, Constants c = {}) {
  check(x.defined(), name, "the input is undefined");
  check(is_floating(x.dtype()), name, "needs float32 or float64, got ", x);
  Tensor y = Tensor::empty_like(x);
  backend(x.device()).unary(op, x, y, c);
  return y;
}

// a and b of one shape (expanded by the caller).
Tensor binary_kernel(const char* name, BinaryOp op, const Tensor& a, const Tensor& b, Constants c = {}) {
  check(is_floating(a.dtype()) && a.dtype() == b.dtype(), name, "needs two float32 or two float64, got ", a, " and ",
        b);
  check(a.device() == b.device(), name, "operands on devices ", a.device(), " and ", b.device());
  Tensor y = Tensor::empty_like(a.is_dense() ? a : b);  // an operand that broadcasts is not dense
  backend(a.device()).binary(op, a, b, y, c);
  return y;
}

struct Pair {
  Variable a, b;
};

Pair broadcast(const char* name, const Variable& a, const Variable& b) {
  check(a.defined() && b.defined(), name, "an operand is undefined");
  const Shape shape = broadcast_shapes(name, a.shape(), b.shape());
  return {expand(a, shape), expand(b, shape)};
}

// The share of the gradient that the larger of two operands takes: 1, 0, or 1/2 where they are equal. A constant.
Variable share_of_larger(const Variable& a, const Variable& b) {
  return affine(sign(a.detach() - b.detach()), 0.5, 0.5);
}

// Gradients of activations. They are linear in g; only tanh, sigmoid and softplus have a curvature.

Variable relu_grad(const Variable& g, const Variable& x) {
  return record("relu_grad", {g, x}, binary_kernel("relu_grad", BinaryOp::relu_grad, g.value(), x.value()),
                [x = Saved(x)](const Backward& b) -> Variables {
                  return {relu_grad(b.grad, x.get()), {}};
                });
}

Variable leaky_relu_grad(const Variable& g, const Variable& x, double slope) {
  return record("leaky_relu_grad", {g, x},
                binary_kernel("leaky_relu_grad", BinaryOp::leaky_relu_grad, g.value(), x.value(), {slope}),
                [x = Saved(x), slope](const Backward& b) -> Variables {
                  return {leaky_relu_grad(b.grad, x.get(), slope), {}};
                });
}

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

// g (1 - y^2), y = tanh(x)
Variable tanh_grad(const Variable& g, const Variable& y) {
  return record("tanh_grad", {g, y}, binary_kernel("tanh_grad", BinaryOp::tanh_grad, g.value(), y.value()),
                [g = Saved(g), y = Saved(y)](const Backward& b) -> Variables {
                  return {b.needs(0) ? tanh_grad(b.grad, y.get()) : Variable(),
                          b.needs(1) ? -2 * b.grad * g.get() * y.get() : Variable()};
                });
}

// g y (1 - y), y = sigmoid(x)
Variable sigmoid_grad(const Variable& g, const Variable& y) {
  return record("sigmoid_grad", {g, y}, binary_kernel("sigmoid_grad", BinaryOp::sigmoid_grad, g.value(), y.value()),
                [g = Saved(g), y = Saved(y)](const Backward& b) -> Variables {
                  return {b.needs(0) ? sigmoid_grad(b.grad, y.get()) : Variable(),
                          b.needs(1) ? b.grad * g.get() * affine(y.get(), -2, 1) : Variable()};
                });
}

// g sigmoid(x)
Variable softplus_grad(const Variable& g, const Variable& x) {
  return record("softplus_grad", {g, x}, binary_kernel("softplus_grad", BinaryOp::softplus_grad, g.value(), x.value()),
                [g = Saved(g), x = Saved(x)](const Backward& b) -> Variables {
                  return {b.needs(0) ? softplus_grad(b.grad, x.get()) : Variable(),
                          b.needs(1) ? sigmoid_grad(b.grad * g.get(), sigmoid(x.get())) : Variable()};
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
  return record("sign", {x}, unary_kernel("sign", UnaryOp::sign, x.value()),
                [](const Backward&) -> Variables { return {Variable()}; });
}

Variable exp(const Variable& x) {
  return record(
      "exp", {x}, unary_kernel("exp", UnaryOp::exp, x.value()),
      [](const Backward& b) -> Variables { return {b.grad * b.output()}; }, Keep::output);
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

Variable clamp(const Variable& x, double low, double high) {
  check(low <= high, "clamp", "low ", low, " is above high ", high);
  return record(
      "clamp", {x}, unary_kernel("clamp", UnaryOp::clamp, x.value(), {low, high}),
      [x = Saved(x), low, high](const Backward& b) -> Variables { return {clamp_grad(b.grad, x.get(), low, high)}; });
}

Variable relu(const Variable& x) {
  return record(
      "relu", {x}, unary_kernel("relu", UnaryOp::relu, x.value()),
      [](const Backward& b) -> Variables { return {relu_grad(b.grad, b.output())}; }, Keep::output);
}

Variable leaky_relu(const Variable& x, double slope) {
  return record(
      "leaky_relu", {x}, unary_kernel("leaky_relu", UnaryOp::leaky_relu, x.value(), {slope}),
      [x = Saved(x), slope](const Backward& b) -> Variables { return {leaky_relu_grad(b.grad, x.get(), slope)}; });
}

Variable tanh(const Variable& x) {
  return record(
      "tanh", {x}, unary_kernel("tanh", UnaryOp::tanh, x.value()),
      [](const Backward& b) -> Variables { return {tanh_grad(b.grad, b.output())}; }, Keep::output);
}

Variable sigmoid(const Variable& x) {
  return record(
      "sigmoid", {x}, unary_kernel("sigmoid", UnaryOp::sigmoid, x.value()),
      [](const Backward& b) -> Variables { return {sigmoid_grad(b.grad, b.output())}; }, Keep::output);
}

Variable softplus(const Variable& x) {
  return record("softplus", {x}, unary_kernel("softplus", UnaryOp::softplus, x.value()),
                [x = Saved(x)](const Backward& b) -> Variables { return {softplus_grad(b.grad, x.get())}; });
}

Variable log_sigmoid(const Variable& x) { return -softplus(-x); }

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
  return record("cast", {x}, x.value().to(dtype),
                [from = x.dtype()](const Backward& b) -> Variables { return {cast(b.grad, from)}; });
}

}  // namespace duel
