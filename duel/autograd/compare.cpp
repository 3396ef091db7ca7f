#include "duel/autograd/compare.h"

#include "duel/autograd/check_floating.h"
#include "duel/autograd/pointwise_kernels.h"
#include "duel/autograd/shape_ops.h"

namespace duel {
namespace {

Variable compare(const char* name, BinaryOp op, const Variable& left, const Variable& right) {
  const auto [a, b] = broadcast(name, left.detach(), right.detach());
  return binary_kernel(name, op, a.value(), b.value());
}

Variable number(const Variable& like, double value) {
  return Tensor::full({}, value, {like.dtype(), like.value().device()});
}

// All of one shape.
Variable choose(const Tensor& condition, const Variable& a, const Variable& b) {
  Tensor y = Tensor::empty_like(a.value().is_dense() ? a.value() : b.value());
  backend(y.device()).where(condition, a.value(), b.value(), y);
  return record("where", {a, b}, std::move(y), [condition = Saved(condition)](const Backward& k) -> Variables {
    const Variable zero = expand(number(k.grad, 0), k.grad.shape());
    return {k.needs(0) ? choose(condition.get().value(), k.grad, zero) : Variable(),
            k.needs(1) ? choose(condition.get().value(), zero, k.grad) : Variable()};
  });
}

}  // namespace

Variable gt(const Variable& a, const Variable& b) { return compare("gt", BinaryOp::gt, a, b); }
Variable ge(const Variable& a, const Variable& b) { return compare("ge", BinaryOp::ge, a, b); }
Variable lt(const Variable& a, const Variable& b) { return compare("lt", BinaryOp::lt, a, b); }
Variable le(const Variable& a, const Variable& b) { return compare("le", BinaryOp::le, a, b); }
Variable eq(const Variable& a, const Variable& b) { return compare("eq", BinaryOp::eq, a, b); }
Variable ne(const Variable& a, const Variable& b) { return compare("ne", BinaryOp::ne, a, b); }
Variable gt(const Variable& a, double b) { return gt(a, number(a, b)); }
Variable ge(const Variable& a, double b) { return ge(a, number(a, b)); }
Variable lt(const Variable& a, double b) { return lt(a, number(a, b)); }
Variable le(const Variable& a, double b) { return le(a, number(a, b)); }
Variable eq(const Variable& a, double b) { return eq(a, number(a, b)); }
Variable ne(const Variable& a, double b) { return ne(a, number(a, b)); }

Variable where(const Variable& condition, const Variable& a, const Variable& b) {
  check(condition.defined() && a.defined() && b.defined(), "where", "an operand is undefined");
  check(is_floating(a.dtype()) && a.dtype() == b.dtype(), "where", "needs two float32 or two float64, got ", a.value(),
        " and ", b.value());
  check_devices("where", a.value(), b.value());
  check_devices("where", a.value(), condition.value());
  const Shape shape = broadcast_shapes("where", condition.shape(), broadcast_shapes("where", a.shape(), b.shape()));
  // Not converted as it is: a small number may become 0.
  const Tensor is_set = is_floating(condition.dtype()) ? ne(condition.detach(), 0).value() : condition.value();
  return choose(is_set.to(a.dtype()).expand(shape), expand(a, shape), expand(b, shape));
}

Variable masked_fill(const Variable& x, const Variable& condition, double value) {
  check(x.defined() && condition.defined(), "masked_fill", "an operand is undefined");
  check(broadcast_shapes("masked_fill", condition.shape(), x.shape()) == x.shape(), "masked_fill", "a condition ",
        condition.shape(), " for ", x.value());
  return where(condition, number(x, value), x);
}

}  // namespace duel
