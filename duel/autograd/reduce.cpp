#include "duel/autograd/reduce.h"

#include <cmath>

#include "duel/autograd/check_floating.h"
#include "duel/autograd/compare.h"
#include "duel/autograd/index.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/shape_ops.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

// x's shape with the reduced dimensions at 1.
Shape kept_shape(const char* name, const Variable& x, const Shape& dims) {
  Shape shape = x.shape();
  unsigned seen = 0;
  for (std::int64_t d : dims) {
    const int i = x.value().wrap_dim(static_cast<int>(d));
    check(!(seen & 1u << i), name, "dimension ", i, " is named twice in ", dims);
    seen |= 1u << i;
    shape[i] = 1;
  }
  return shape;
}

// y (with sizes of 1 kept) without the dimensions `dims`.
Variable drop(const Variable& y, const Variable& x, const Shape& dims, KeepDims keep) {
  if (keep == KeepDims::yes) return y;
  Shape dropped = Shape::filled(x.dim(), 0), shape;
  for (std::int64_t d : dims) dropped[x.value().wrap_dim(static_cast<int>(d))] = 1;
  for (int i = 0; i < x.dim(); ++i)
    if (!dropped[i]) shape.push_back(y.shape()[i]);
  return reshape(y, shape);
}

Shape all_dims(const Variable& x) {
  Shape dims;
  for (int i = 0; i < x.dim(); ++i) dims.push_back(i);
  return dims;
}

// Elements that go into one of the result, less `correction`; above 0.
double count(const char* name, const Variable& x, const Shape& dims, std::int64_t correction = 0) {
  const Shape kept = kept_shape(name, x, dims);
  double n = 1;
  for (int i = 0; i < x.dim(); ++i)
    if (kept[i] == 1) n *= static_cast<double>(x.shape()[i]);
  check(n > 0, name, "of no elements: shape ", x.shape(), " over dimensions ", dims);
  n -= static_cast<double>(correction);
  check(n > 0, name, "no elements are left after a correction of ", correction, ": shape ", x.shape(),
        " over dimensions ", dims);
  return n;
}

Variable largest(const char* name, const Variable& x, const Shape& dims, KeepDims keep) {
  count(name, x, dims);
  const Shape shape = kept_shape(name, x, dims);
  Tensor y = Tensor::empty(shape, x.value().options());
  backend(y.device()).amax(x.value(), y);
  const Variable found = record(
      "amax", {x}, std::move(y),
      [x = Saved(x)](const Backward& b) -> Variables {
        // Constants: which elements are largest changes nowhere but at ties.
        const Variable is_largest = 1 - sign(b.output().detach() - x.get().detach());
        return {b.grad * (is_largest / sum_to(is_largest, b.node.shape()))};
      },
      Keep::output);
  return drop(found, x, dims, keep);
}

}  // namespace

Variable sum_to(const Variable& x, const Shape& shape) {
  check_floating("sum_to", x);
  if (x.shape() == shape) return x;
  Shape padded = Shape::filled(x.dim(), 1);
  check(shape.dim() <= x.dim(), "sum_to", shape, " does not broadcast to ", x.shape());
  for (int i = 0; i < shape.dim(); ++i) {
    const int o = i + x.dim() - shape.dim();
    check(shape[i] == x.shape()[o] || shape[i] == 1, "sum_to", shape, " does not broadcast to ", x.shape());
    padded[o] = shape[i];
  }
  if (shape.numel() == x.numel()) return reshape(x, shape);
  Tensor y = Tensor::empty(padded, {x.dtype(), x.value().device(), x.value().layout()});
  backend(y.device()).sum(x.value(), y);
  return record("sum_to", {x}, y.reshape(shape),
                [shape = x.shape()](const Backward& b) -> Variables { return {expand(b.grad, shape)}; });
}

Variable sum(const Variable& x) {
  check_floating("sum", x);
  return sum_to(x, {});
}

Variable sum(const Variable& x, const Shape& dims, KeepDims keep) {
  check_floating("sum", x);
  return drop(sum_to(x, kept_shape("sum", x, dims)), x, dims, keep);
}

Variable mean(const Variable& x) {
  check_floating("mean", x);
  return sum(x) / count("mean", x, all_dims(x));
}

Variable mean(const Variable& x, const Shape& dims, KeepDims keep) {
  check_floating("mean", x);
  return sum(x, dims, keep) / count("mean", x, dims);
}

Variable amax(const Variable& x, const Shape& dims, KeepDims keep) {
  check_floating("amax", x);
  return largest("amax", x, dims, keep);
}

Variable amin(const Variable& x, const Shape& dims, KeepDims keep) {
  check_floating("amin", x);
  return -largest("amin", -x, dims, keep);
}

Variable var(const Variable& x, const Shape& dims, VarianceOptions o) {
  check_floating("var", x);
  const double n = count("var", x, dims, o.correction);
  return sum(square(x - mean(x, dims, KeepDims::yes)), dims, o.keep) / n;
}

Variable stddev(const Variable& x, const Shape& dims, VarianceOptions o) {
  check_floating("stddev", x);
  const double n = count("stddev", x, dims, o.correction);
  return norm(x - mean(x, dims, KeepDims::yes), dims, {.p = 2, .keep = o.keep}) / std::sqrt(n);
}

Variable norm(const Variable& x, const Shape& dims, NormOptions o) {
  check_floating("norm", x);
  check(o.p >= 1, "norm", "p ", o.p, " is below 1");
  if (o.p == 1) return sum(abs(x), dims, o.keep);
  if (std::isinf(o.p)) return amax(abs(x), dims, o.keep);
  const Variable s = sum(o.p == 2 ? square(x) : pow(abs(x), o.p), dims, o.keep);
  // The root's gradient at 0 is infinite: there it is taken of 1 instead, and the result replaced by a constant.
  const Variable zero = eq(s, 0), safe = masked_fill(s, zero, 1);
  return masked_fill(o.p == 2 ? sqrt(safe) : pow(safe, 1 / o.p), zero, 0);
}

Variable norm(const Variable& x) {
  check(x.defined(), "norm", "the input is undefined");
  return norm(x, all_dims(x));
}

Variable cumsum(const Variable& x, int d) {
  check_floating("cumsum", x);
  d = x.value().wrap_dim(d);
  Tensor y = Tensor::empty_like(x.value());
  backend(y.device()).cumsum(x.value(), y, d);
  return record("cumsum", {x}, std::move(y),
                [d](const Backward& b) -> Variables { return {flip(cumsum(flip(b.grad, {d}), d), {d})}; });
}

}  // namespace duel
