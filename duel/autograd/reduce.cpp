#include "duel/autograd/reduce.h"

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

double count(const Variable& x, const Shape& dims) {
  double n = 1;
  for (std::int64_t d : dims) n *= static_cast<double>(x.size(static_cast<int>(d)));
  check(n > 0, "mean", "of no elements: shape ", x.shape(), " over dimensions ", dims);
  return n;
}

}  // namespace

Variable sum_to(const Variable& x, const Shape& shape) {
  check(x.defined(), "sum_to", "the input is undefined");
  if (x.shape() == shape) return x;
  check(is_floating(x.dtype()), "sum_to", "needs float32 or float64, got ", x.value());
  Shape padded = Shape::filled(x.dim(), 1);
  check(shape.dim() <= x.dim(), "sum_to", shape, " does not broadcast to ", x.shape());
  for (int i = 0; i < shape.dim(); ++i) {
    const int o = i + x.dim() - shape.dim();
    check(shape[i] == x.shape()[o] || shape[i] == 1, "sum_to", shape, " does not broadcast to ", x.shape());
    padded[o] = shape[i];
  }
  const Layout layout = x.value().is_channels_last() ? Layout::channels_last : Layout::row_major;
  Tensor y = Tensor::empty(padded, {x.dtype(), x.value().device(), layout});
  backend(y.device()).sum(x.value(), y);
  return record("sum_to", {x}, y.reshape(shape),
                [shape = x.shape()](const Backward& b) -> Variables { return {expand(b.grad, shape)}; });
}

Variable sum(const Variable& x) { return sum_to(x, {}); }

Variable sum(const Variable& x, const Shape& dims, KeepDims keep) {
  return drop(sum_to(x, kept_shape("sum", x, dims)), x, dims, keep);
}

Variable mean(const Variable& x) { return sum(x) / count(x, all_dims(x)); }

Variable mean(const Variable& x, const Shape& dims, KeepDims keep) { return sum(x, dims, keep) / count(x, dims); }

Variable amax(const Variable& x, const Shape& dims, KeepDims keep) {
  check(is_floating(x.dtype()), "amax", "needs float32 or float64, got ", x.value());
  const Shape shape = kept_shape("amax", x, dims);
  Tensor y = Tensor::empty(shape, x.value().options());
  backend(y.device()).amax(x.value(), y);
  const Variable largest = record(
      "amax", {x}, std::move(y),
      [x = Saved(x)](const Backward& b) -> Variables {
        // Constants: which elements are largest changes nowhere but at ties.
        const Variable is_largest = 1 - sign(b.output().detach() - x.get().detach());
        return {b.grad * (is_largest / sum_to(is_largest, b.node.shape()))};
      },
      Keep::output);
  return drop(largest, x, dims, keep);
}

}  // namespace duel
