#include "duel/autograd/matmul.h"

#include "duel/autograd/check_floating.h"
#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/shape_ops.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

// [B, M, K] x [B, K, N] -> [B, M, N]
Variable batched(const Variable& a, const Variable& b) {
  Tensor y = Tensor::empty({a.size(0), a.size(1), b.size(2)}, a.value().options());
  backend(y.device()).matmul(a.value(), b.value(), y);
  return record("matmul", {a, b}, std::move(y), [a = Saved(a), b = Saved(b)](const Backward& k) -> Variables {
    return {k.needs(0) ? batched(k.grad, transpose(b.get(), 1, 2)) : Variable(),
            k.needs(1) ? batched(transpose(a.get(), 1, 2), k.grad) : Variable()};
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
  const Variable y = matmul(x, transpose(follow(weight, x.dtype()), 0, 1));
  return bias.defined() ? y + follow(bias, y.dtype()) : y;
}

}  // namespace duel
