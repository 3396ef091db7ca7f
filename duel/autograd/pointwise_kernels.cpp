#include "duel/autograd/pointwise_kernels.h"

#include "duel/autograd/check_floating.h"
#include "duel/autograd/shape_ops.h"

namespace duel {

Tensor unary_kernel(const char* name, UnaryOp op, const Tensor& x, Constants c) {
  check(x.defined(), name, "the input is undefined");
  check(is_floating(x.dtype()), name, "needs float32 or float64, got ", x);
  Tensor y = Tensor::empty_like(x);
  backend(x.device()).unary(op, x, y, c);
  return y;
}

Tensor binary_kernel(const char* name, BinaryOp op, const Tensor& a, const Tensor& b, Constants c) {
  check(is_floating(a.dtype()) && a.dtype() == b.dtype(), name, "needs two float32 or two float64, got ", a, " and ",
        b);
  check_devices(name, a, b);
  Tensor y = Tensor::empty_like(a.is_dense() ? a : b);  // an operand that broadcasts is not dense
  backend(a.device()).binary(op, a, b, y, c);
  return y;
}

Tensor in_place_of_grad(const Backward& b) {
  const Tensor& g = b.grad.value();
  if (!g.is_sole_owner() || !g.is_channels_last())
    return Tensor::empty(g.shape(), {g.dtype(), g.device(), Layout::channels_last});
  g.storage()->bump_version();
  return g;
}

Pair broadcast(const char* name, const Variable& a, const Variable& b) {
  check(a.defined() && b.defined(), name, "an operand is undefined");
  const Shape shape = broadcast_shapes(name, a.shape(), b.shape());
  return {expand(a, shape), expand(b, shape)};
}

}  // namespace duel
