#include "duel/autograd/index.h"

#include "duel/autograd/check_floating.h"
#include "duel/autograd/shape_ops.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

void check_index(const char* name, const Variable& x, const Tensor& index) {
  check(x.defined(), name, "the input is undefined");
  check(index.defined() && index.dtype() == DType::int64, name, "needs int64 indices, got ", index);
  check_devices(name, x.value(), index);
}

void check_vector(const char* name, const Variable& x, const Tensor& index) {
  check_index(name, x, index);
  check(index.dim() == 1, name, "needs indices [K], got ", index);
}

// Those of the transposes.
void check_sum(const char* name, const Variable& g, std::int64_t size) {
  check(is_floating(g.dtype()), name, "needs float32 or float64, got ", g.value());
  check(size >= 0, name, "a dimension of ", size, " elements");
}

Shape with_size(Shape shape, int d, std::int64_t size) {
  shape[d] = size;
  return shape;
}

// What a new tensor in the layout of x needs.
TensorOptions like(const Variable& x) { return {x.dtype(), x.value().device(), x.value().layout()}; }

// first, first + step, ... : float64, which holds them exactly up to 2^53.
Tensor counted(std::int64_t count, double first, double step, Device device) {
  const Tensor one = Tensor::scalar(1, DType::float64, device);
  const Tensor numbers = Tensor::empty({count}, {.dtype = DType::float64, .device = device});
  backend(device).cumsum(one.expand({count}), numbers, 0);
  backend(device).unary(UnaryOp::affine, numbers, numbers, {step, first - step});
  return numbers;
}

Variable flip_one(const Variable& x, int d) {
  const std::int64_t size = x.size(d);
  const Tensor back = counted(size, static_cast<double>(size - 1), -1, x.value().device()).to(DType::int64);
  Tensor y = Tensor::empty_like(x.value());
  backend(y.device()).index_select(x.value(), back, y, d);
  return record("flip", {x}, std::move(y), [d](const Backward& b) -> Variables { return {flip_one(b.grad, d)}; });
}

// 0 <= shift < the size of d.
Variable roll_one(const Variable& x, int d, std::int64_t shift) {
  const std::int64_t size = x.size(d), back = size - shift;
  if (shift == 0) return x;
  Tensor y = Tensor::empty_like(x.value());
  backend(y.device()).copy(x.value().slice(d, 0, back), y.slice(d, shift, size));
  backend(y.device()).copy(x.value().slice(d, back, size), y.slice(d, 0, shift));
  return record("roll", {x}, std::move(y),
                [d, back](const Backward& b) -> Variables { return {roll_one(b.grad, d, back)}; });
}

}  // namespace

Variable gather(const Variable& x, int d, const Tensor& index) {
  check_index("gather", x, index);
  d = x.value().wrap_dim(d);
  check(index.dim() == x.dim() && with_size(index.shape(), d, x.size(d)) == x.shape(), "gather", "indices ", index,
        " along dimension ", d, " of ", x.value(), ": their other sizes must be the same");
  Tensor y = Tensor::empty(index.shape(), like(x));
  backend(y.device()).gather(x.value(), index, y, d);
  return record("gather", {x}, std::move(y),
                [index = Saved(index), d, size = x.size(d)](const Backward& b) -> Variables {
                  return {scatter_add(b.grad, d, index.get().value(), size)};
                });
}

Variable scatter_add(const Variable& g, int d, const Tensor& index, std::int64_t size) {
  check_index("scatter_add", g, index);
  check_sum("scatter_add", g, size);
  d = g.value().wrap_dim(d);
  check(index.shape() == g.shape(), "scatter_add", g.value(), " does not fit indices ", index);
  Tensor y = Tensor::zeros(with_size(g.shape(), d, size), like(g));
  backend(y.device()).scatter_add(g.value(), index, y, d);
  return record("scatter_add", {g}, std::move(y), [index = Saved(index), d](const Backward& b) -> Variables {
    return {gather(b.grad, d, index.get().value())};
  });
}

Variable index_select(const Variable& x, int d, const Tensor& index) {
  check_vector("index_select", x, index);
  d = x.value().wrap_dim(d);
  Tensor y = Tensor::empty(with_size(x.shape(), d, index.numel()), like(x));
  backend(y.device()).index_select(x.value(), index, y, d);
  return record("index_select", {x}, std::move(y),
                [index = Saved(index), d, size = x.size(d)](const Backward& b) -> Variables {
                  return {index_add(b.grad, d, index.get().value(), size)};
                });
}

Variable index_add(const Variable& g, int d, const Tensor& index, std::int64_t size) {
  check_vector("index_add", g, index);
  check_sum("index_add", g, size);
  d = g.value().wrap_dim(d);
  check(g.size(d) == index.numel(), "index_add", "dimension ", d, " of ", g.value(), " does not fit indices ", index);
  Tensor y = Tensor::zeros(with_size(g.shape(), d, size), like(g));
  backend(y.device()).index_add(g.value(), index, y, d);
  return record("index_add", {g}, std::move(y), [index = Saved(index), d](const Backward& b) -> Variables {
    return {index_select(b.grad, d, index.get().value())};
  });
}

Variable embedding(const Variable& table, const Tensor& index) {
  check(table.defined() && table.dim() == 2 && is_floating(table.dtype()), "embedding",
        "needs a float table [R, D], got ", table.value());
  check_index("embedding", table, index);
  Shape shape = index.shape();
  shape.push_back(table.size(1));
  return reshape(index_select(table, 0, index.reshape({-1})), shape);
}

Variable flip(const Variable& x, const Shape& dims) {
  check(x.defined(), "flip", "the input is undefined");
  Variable y = x;
  unsigned seen = 0;
  for (std::int64_t dim : dims) {
    const int d = x.value().wrap_dim(static_cast<int>(dim));
    check(!(seen & 1u << d), "flip", "dimension ", d, " is named twice in ", dims);
    seen |= 1u << d;
    y = flip_one(y, d);
  }
  return y;
}

Variable roll(const Variable& x, const Shape& shifts, const Shape& dims) {
  check(x.defined(), "roll", "the input is undefined");
  check(shifts.dim() == dims.dim(), "roll", "shifts ", shifts, " for dimensions ", dims);
  Variable y = x;
  for (int i = 0; i < dims.dim(); ++i) {
    const int d = x.value().wrap_dim(static_cast<int>(dims[i]));
    const std::int64_t size = x.size(d);
    if (size > 0) y = roll_one(y, d, (shifts[i] % size + size) % size);
  }
  return y;
}

Tensor arange(std::int64_t count, DType dtype, Device device) {
  check(count >= 0, "arange", "needs a count of 0 or more, got ", count);
  return counted(count, 0, 1, device).to(dtype);
}

Tensor one_hot(const Tensor& labels, std::int64_t classes, DType dtype) {
  check(labels.defined() && labels.dim() == 1 && labels.dtype() == DType::int64, "one_hot",
        "needs int64 labels [N], got ", labels);
  check(classes >= 1, "one_hot", "needs at least one class, got ", classes);
  const Shape column{labels.numel(), 1};
  const Tensor ones = Tensor::full(column, 1, {.device = labels.device()});
  return scatter_add(ones, 1, labels.reshape(column), classes).value().to(dtype);
}

}  // namespace duel
