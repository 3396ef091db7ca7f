#include "duel/autograd/matmul.h"

#include "duel/autograd/check_floating.h"
#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

// [B, M, K] x [B, K, N] + [N] -> [B, M, N]
Variable batched(const Variable& a, const Variable& b, const Variable& bias = {}) {
  Tensor y = Tensor::empty({a.size(0), a.size(1), b.size(2)}, a.value().options());
  backend(y.device()).matmul(a.value(), b.value(), y, bias.defined() ? bias.value().row_major() : Tensor());
  Variables inputs{a, b};
  if (bias.defined()) inputs.push_back(bias);
  return record("matmul", inputs, std::move(y), [a = Saved(a), b = Saved(b)](const Backward& k) {
    Variables grads(k.wanted.size());
    if (k.needs(0)) grads[0] = batched(k.grad, transpose(b.get(), 1, 2));
    if (k.needs(1)) grads[1] = batched(transpose(a.get(), 1, 2), k.grad);
    if (grads.size() > 2 && k.needs(2)) grads[2] = sum(k.grad, {0, 1});
    return grads;
  });
}

// All dimensions but the last two, as one.
Variable as_batch(const Variable& x, const Shape& leading) {
  Shape full = leading;
  full.push_back(x.size(-2));
  full.push_back(x.size(-1));
  return reshape(expand(x, full), {leading.numel(), x.size(-2), x.size(-1)});
}

Shape leading(const Variable& x) { return Shape(std::span(x.shape().begin(), static_cast<std::size_t>(x.dim() - 2))); }

}  // namespace

Variable matmul(const Variable& a, const Variable& b) {
  check(a.dim() >= 2 && b.dim() >= 2, "matmul", "needs two matrices, got ", a.value(), " and ", b.value());
  check(a.size(-1) == b.size(-2), "matmul", a.value(), " times ", b.value(), ": inner sizes ", a.size(-1), " and ",
        b.size(-2), " differ");
  check(is_floating(a.dtype()) && a.dtype() == b.dtype(), "matmul", "needs two float32 or two float64, got ", a.value(),
        " and ", b.value());
  check_devices("matmul", a.value(), b.value());
  const Shape batch = broadcast_shapes("matmul", leading(a), leading(b));
  Shape shape = batch;
  shape.push_back(a.size(-2));
  shape.push_back(b.size(-1));
  return reshape(batched(as_batch(a, batch), as_batch(b, batch)), shape);
}

Variable linear(const Variable& x, const Variable& weight, const Variable& bias) {
  check(x.dim() == 2 && weight.dim() == 2 && x.size(1) == weight.size(1), "linear", "input ", x.value(),
        " does not fit weight ", weight.value(), " [out, in]");
  check(!bias.defined() || bias.shape() == Shape{weight.size(0)}, "linear", "bias ", bias.value(), " for ",
        weight.size(0), " outputs");
  const Variable w = follow(weight, x.dtype()), b = follow(bias, x.dtype());
  check(is_floating(x.dtype()) && w.dtype() == x.dtype() && (!b.defined() || b.dtype() == x.dtype()), "linear",
        "needs all of one floating dtype, got input ", x.value(), ", weight ", w.value(), " and bias ", b.value());
  check_devices("linear", x.value(), w.value());
  check_devices("linear", x.value(), b.value());
  const Variable y = batched(unsqueeze(x, 0), unsqueeze(transpose(w, 0, 1), 0), b);
  return reshape(y, {x.size(0), w.size(0)});
}

}  // namespace duel
