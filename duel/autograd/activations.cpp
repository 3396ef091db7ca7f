#include "duel/autograd/activations.h"

#include <numbers>

#include "duel/autograd/compare.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/pointwise_kernels.h"
#include "duel/autograd/rectified.h"

namespace duel {
namespace {

// Gradients, one kernel each. They are linear in g; those that bend have a gradient in x (or y) too.

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

// g times alpha scale exp(x) where x is not above 0, else times scale.
Variable elu_grad(const Variable& g, const Variable& x, double alpha, double scale) {
  return record("elu_grad", {g, x}, binary_kernel("elu_grad", BinaryOp::elu_grad, g.value(), x.value(), {alpha, scale}),
                [g = Saved(g), x = Saved(x), alpha, scale](const Backward& b) -> Variables {
                  Variables grads(2);
                  if (b.needs(0)) grads[0] = elu_grad(b.grad, x.get(), alpha, scale);
                  if (b.needs(1)) {
                    const Variable positive = gt(x.get(), 0);
                    const Variable bend = alpha * scale * exp(masked_fill(x.get(), positive, 0));
                    grads[1] = b.grad * g.get() * masked_fill(bend, positive, 0);
                  }
                  return grads;
                });
}

Variable scaled_elu(const char* name, const Variable& x, double alpha, double scale) {
  return record(name, {x}, unary_kernel(name, UnaryOp::elu, x.value(), {alpha, scale}),
                [x = Saved(x), alpha, scale](const Backward& b) -> Variables {
                  return {elu_grad(b.grad, x.get(), alpha, scale)};
                });
}

// An activation without constants: its kernel, its gradient's, and its second derivative in ordinary operations.
struct Smooth {
  const char *name, *grad_name;
  UnaryOp op;
  BinaryOp grad_op;
  Variable (*second)(const Variable& x);
};

Variable smooth_grad(const Smooth& f, const Variable& g, const Variable& x) {
  return record(f.grad_name, {g, x}, binary_kernel(f.grad_name, f.grad_op, g.value(), x.value()),
                [f, g = Saved(g), x = Saved(x)](const Backward& b) -> Variables {
                  return {b.needs(0) ? smooth_grad(f, b.grad, x.get()) : Variable(),
                          b.needs(1) ? b.grad * g.get() * f.second(x.get()) : Variable()};
                });
}

Variable smooth(const Smooth& f, const Variable& x) {
  return record(f.name, {x}, unary_kernel(f.name, f.op, x.value()),
                [f, x = Saved(x)](const Backward& b) -> Variables { return {smooth_grad(f, b.grad, x.get())}; });
}

// Beyond this the second derivatives of silu and gelu are 0 in float64, but their factors would give 0 * inf.
Variable within_reach(const Variable& x) { return clamp(x, -1000, 1000); }

// With s = sigmoid(x): s' = s (1 - s), s'' = s' (1 - 2 s), and (x s)'' = 2 s' + x s''.
Variable silu_second(const Variable& x) {
  const Variable t = within_reach(x), s = sigmoid(t), ds = s * (1 - s);
  return ds * (2 + t * (1 - 2 * s));
}

// With the density p' = -x p: (x share)'' = 2 p - x^2 p.
Variable gelu_second(const Variable& x) {
  const Variable t = square(within_reach(x));
  return 0.5 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi * exp(-0.5 * t) * (2 - t);
}

// The share is s = sigmoid(u), u = c (x + k x^3) as in functors.h: s' = s (1 - s) u', s'' = s (1 - s) (u'' + (1 - 2 s)
// u'^2).
Variable gelu_tanh_second(const Variable& x) {
  constexpr double c = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi, k = 0.044715;
  const Variable t = within_reach(x), t2 = square(t);
  const Variable s = sigmoid(c * t * (1 + k * t2)), du = c * (1 + 3 * k * t2), d2u = 6 * c * k * t;
  return s * (1 - s) * (2 * du + t * (d2u + (1 - 2 * s) * square(du)));
}

constexpr Smooth kSilu{"silu", "silu_grad", UnaryOp::silu, BinaryOp::silu_grad, silu_second};
constexpr Smooth kGelu{"gelu", "gelu_grad", UnaryOp::gelu, BinaryOp::gelu_grad, gelu_second};
constexpr Smooth kGeluTanh{"gelu", "gelu_grad", UnaryOp::gelu_tanh, BinaryOp::gelu_tanh_grad, gelu_tanh_second};

}  // namespace

Variable relu(const Variable& x) {
  return record(
      "relu", {x}, unary_kernel("relu", UnaryOp::relu, x.value()),
      [](const Backward& b) -> Variables { return {rectified_grad(b.grad, b.output(), {0})}; }, Keep::output);
}

Variable leaky_relu(const Variable& x, double slope) {
  Tensor y = unary_kernel("leaky_relu", UnaryOp::leaky_relu, x.value(), {slope});
  if (slope < 0)  // then the result does not tell x's sign
    return record("leaky_relu", {x}, std::move(y), [x = Saved(x), slope](const Backward& b) -> Variables {
      return {rectified_grad(b.grad, x.get(), {slope})};
    });
  return record(
      "leaky_relu", {x}, std::move(y),
      [slope](const Backward& b) -> Variables { return {rectified_grad(b.grad, b.output(), {slope})}; }, Keep::output);
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

Variable softplus(const Variable& x, double beta) {
  check(beta > 0, "softplus", "beta ", beta, " is not above 0");
  if (beta != 1) return softplus(x * beta) / beta;
  return record("softplus", {x}, unary_kernel("softplus", UnaryOp::softplus, x.value()),
                [x = Saved(x)](const Backward& b) -> Variables { return {softplus_grad(b.grad, x.get())}; });
}

Variable log_sigmoid(const Variable& x) {
  check(x.defined(), "log_sigmoid", "the input is undefined");
  return -softplus(-x);
}

Variable elu(const Variable& x, double alpha) { return scaled_elu("elu", x, alpha, 1); }

Variable selu(const Variable& x) { return scaled_elu("selu", x, 1.6732632423543772, 1.0507009873554805); }

Variable hardtanh(const Variable& x, double low, double high) {
  check(low <= high, "hardtanh", "low ", low, " is above high ", high);
  return record("hardtanh", {x}, unary_kernel("hardtanh", UnaryOp::clamp, x.value(), {low, high}),
                [x = Saved(x), low, high](const Backward& b) -> Variables {
                  return {masked_fill(b.grad, le(x.get(), low) + ge(x.get(), high), 0)};
                });
}

Variable silu(const Variable& x) { return smooth(kSilu, x); }

Variable gelu(const Variable& x, GeluForm form) { return smooth(form == GeluForm::erf ? kGelu : kGeluTanh, x); }

}  // namespace duel
