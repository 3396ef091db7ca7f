// Softmax and log-softmax run over the last dimension; others are moved there. Each has its gradient as an operation of
// its own, a kernel too, whose gradient is written with ordinary operations.
#include "duel/autograd/softmax.h"

#include <limits>
#include <utility>

#include "duel/autograd/check_floating.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/shape_ops.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

// The rows of the last dimension.
Tensor rows(const Tensor& x) {
  return x.row_major().reshape({x.size(-1) == 0 ? 0 : x.numel() / x.size(-1), x.size(-1)});
}

using Forward = void (*)(const Tensor& x, const Tensor& y);
using Gradient = void (*)(const Tensor& y, const Tensor& dy, const Tensor& dx);

Tensor run(Forward kernel, const Variable& x) {
  const Tensor in = rows(x.value()), y = Tensor::empty(in.shape(), in.options());
  kernel(in, y);
  return y.reshape(x.shape());
}

Tensor run(Gradient kernel, const Variable& y, const Variable& dy) {
  const Tensor in = rows(y.value()), dx = Tensor::empty(in.shape(), in.options());
  kernel(in, rows(dy.value()), dx);
  return dx.reshape(y.shape());
}

Variable row_sum(const Variable& x) { return sum(x, {-1}, KeepDims::yes); }

// y (g - <g, y>): a symmetric matrix times g.
Variable softmax_grad(const Variable& y, const Variable& g) {
  return record("softmax_grad", {y, g}, run(backend(y.value().device()).softmax_grad, y, g),
                [y = Saved(y), g = Saved(g)](const Backward& b) -> Variables {
                  Variables grads(2);
                  if (b.needs(0))
                    grads[0] = b.grad * (g.get() - row_sum(g.get() * y.get())) - g.get() * row_sum(b.grad * y.get());
                  if (b.needs(1)) grads[1] = softmax_grad(y.get(), b.grad);
                  return grads;
                });
}

// g - exp(y) <g, 1>
Variable log_softmax_grad(const Variable& y, const Variable& g) {
  return record("log_softmax_grad", {y, g}, run(backend(y.value().device()).log_softmax_grad, y, g),
                [y = Saved(y), g = Saved(g)](const Backward& b) -> Variables {
                  const Variable weighed = b.grad * exp(y.get());
                  Variables grads(2);
                  if (b.needs(0)) grads[0] = -(weighed * row_sum(g.get()));
                  if (b.needs(1)) grads[1] = b.grad - row_sum(weighed);
                  return grads;
                });
}

Variable softmax_of_rows(const Variable& x) {
  return record(
      "softmax", {x}, run(backend(x.value().device()).softmax, x),
      [](const Backward& b) -> Variables { return {softmax_grad(b.output(), b.grad)}; }, Keep::output);
}

Variable log_softmax_of_rows(const Variable& x) {
  return record(
      "log_softmax", {x}, run(backend(x.value().device()).log_softmax, x),
      [](const Backward& b) -> Variables { return {log_softmax_grad(b.output(), b.grad)}; }, Keep::output);
}

// f of x with dimension d last; the others keep their order, so that channels-last data need no copy for d = 1.
Variable along(const char* name, Variable (*f)(const Variable&), const Variable& x, int d) {
  check(x.defined() && x.dim() >= 1 && is_floating(x.dtype()), name,
        "needs float32 or float64 of one dimension or more, got ", x.value());
  d = x.value().wrap_dim(d);
  const int last = x.dim() - 1;
  if (d == last) return f(x);
  Shape there, back;
  for (int i = 0; i < last; ++i) there.push_back(i < d ? i : i + 1);
  there.push_back(d);
  for (int i = 0; i <= last; ++i) back.push_back(i < d ? i : i == d ? last : i - 1);
  return permute(f(permute(x, there)), back);
}

// Infinities as the largest numbers of the dtype.
Variable finite(const Variable& x) {
  const double most = x.dtype() == DType::float64   ? std::numeric_limits<double>::max()
                      : x.dtype() == DType::float32 ? std::numeric_limits<float>::max()
                                                    : 0x1.fep127;  // bfloat16
  return clamp(x, -most, most);
}

// Of elements that are not none.
Variable largest(const Variable& x, const Shape& dims) { return finite(amax(x, dims, KeepDims::yes)).detach(); }

Tensor logsumexp_of(const Tensor& x, const Shape& dims) {
  const NoGrad no_grad;
  if (x.numel() == 0) return log(sum(exp(x), dims, KeepDims::yes)).value();
  const Variable shift = largest(x, dims);
  return (log(sum(exp(x - shift), dims, KeepDims::yes)) + shift).value();
}

// Not exp(x - logsumexp(x)), which has the rounding error of large numbers.
Variable softmax_over(const Variable& x, const Shape& dims) {
  const Variable e = exp(x - largest(x, dims));
  // At least 1, the largest element's share, unless all are -inf: then the result is 0 and not 0 / 0.
  return e / clamp(sum(e, dims, KeepDims::yes), 1, std::numeric_limits<double>::infinity());
}

}  // namespace

Variable softmax(const Variable& x, int d) { return along("softmax", softmax_of_rows, x, d); }

Variable log_softmax(const Variable& x, int d) { return along("log_softmax", log_softmax_of_rows, x, d); }

Variable logsumexp(const Variable& x, const Shape& dims, KeepDims keep) {
  check_floating("logsumexp", x);
  unsigned reduced = 0;
  for (std::int64_t d : dims) {
    const int i = x.value().wrap_dim(static_cast<int>(d));
    check(!(reduced & 1u << i), "logsumexp", "dimension ", i, " is named twice in ", dims);
    reduced |= 1u << i;
  }
  Variable y =
      record("logsumexp", {x}, logsumexp_of(x.value(), dims), [x = Saved(x), dims](const Backward& b) -> Variables {
        return {x.get().numel() == 0 ? Variable() : b.grad * softmax_over(x.get(), dims)};
      });
  if (keep == KeepDims::yes) return y;
  Shape shape;
  for (int i = 0; i < x.dim(); ++i)
    if (!(reduced & 1u << i)) shape.push_back(x.size(i));
  return reshape(y, shape);
}

}  // namespace duel
