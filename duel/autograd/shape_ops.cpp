#include "duel/autograd/shape_ops.h"

#include <algorithm>

#include "duel/autograd/check_floating.h"
#include "duel/autograd/reduce.h"
#include "duel/tensor/backend.h"

namespace duel {

Variable expand(const Variable& x, const Shape& shape) {
  check(x.defined(), "expand", "the input is undefined");
  if (x.shape() == shape) return x;
  return record("expand", {x}, x.value().expand(shape),
                [shape = x.shape()](const Backward& b) -> Variables { return {sum_to(b.grad, shape)}; });
}

Variable reshape(const Variable& x, const Shape& shape) {
  Tensor y = x.value().reshape(shape);
  if (y.shape() == x.shape()) return x;
  return record("reshape", {x}, std::move(y),
                [shape = x.shape()](const Backward& b) -> Variables { return {reshape(b.grad, shape)}; });
}

Variable flatten(const Variable& x, int first) {
  first = x.value().wrap_dim(first);
  Shape shape;
  std::int64_t rest = 1;
  for (int i = 0; i < x.dim(); ++i)
    if (i < first)
      shape.push_back(x.shape()[i]);
    else
      rest *= x.shape()[i];
  shape.push_back(rest);
  return reshape(x, shape);
}

Variable permute(const Variable& x, const Shape& order) {
  Shape inverse = Shape::filled(order.dim(), 0);
  Tensor y = x.value().permute(order);
  for (int i = 0; i < order.dim(); ++i) inverse[x.value().wrap_dim(static_cast<int>(order[i]))] = i;
  return record("permute", {x}, std::move(y),
                [inverse](const Backward& b) -> Variables { return {permute(b.grad, inverse)}; });
}

Variable transpose(const Variable& x, int a, int b) {
  return record("transpose", {x}, x.value().transpose(a, b),
                [a, b](const Backward& k) -> Variables { return {transpose(k.grad, a, b)}; });
}

Variable unsqueeze(const Variable& x, int d) {
  check(x.defined(), "unsqueeze", "the input is undefined");
  return record("unsqueeze", {x}, x.value().unsqueeze(d),
                [d](const Backward& b) -> Variables { return {squeeze(b.grad, d)}; });
}

Variable squeeze(const Variable& x, int d) {
  check(x.defined(), "squeeze", "the input is undefined");
  d = x.value().wrap_dim(d);
  return record("squeeze", {x}, x.value().squeeze(d),
                [d](const Backward& b) -> Variables { return {unsqueeze(b.grad, d)}; });
}

Variable slice(const Variable& x, int d, std::int64_t start, std::int64_t end, std::int64_t step) {
  d = x.value().wrap_dim(d);
  if (start == 0 && end == x.shape()[d] && step == 1) return x;
  return record("slice", {x}, x.value().slice(d, start, end, step),
                [d, size = x.shape()[d], start, step](const Backward& b) -> Variables {
                  return {slice_grad(b.grad, d, size, start, step)};
                });
}

Variable slice_grad(const Variable& x, int d, std::int64_t size, std::int64_t start, std::int64_t step) {
  d = x.value().wrap_dim(d);
  const std::int64_t count = x.shape()[d];
  check(
      size >= 0 && start >= 0 && step >= 1 && (count == 0 || (start < size && count - 1 <= (size - 1 - start) / step)),
      "slice_grad", x.value(), " in steps of ", step, " from ", start, " does not lie within ", size,
      " elements of dimension ", d);
  Shape shape = x.shape();
  shape[d] = size;
  const std::int64_t end = count == 0 ? start : start + (count - 1) * step + 1;
  Tensor y = Tensor::zeros(shape, {x.dtype(), x.value().device(), x.value().layout()});
  backend(y.device()).copy(x.value(), y.slice(d, start, end, step));
  return record("slice_grad", {x}, std::move(y),
                [d, start, end, step](const Backward& b) -> Variables { return {slice(b.grad, d, start, end, step)}; });
}

Variable concat(const Variables& xs, int d) {
  check(!xs.empty(), "concat", "needs at least one tensor");
  const Tensor& first = xs[0].value();
  d = first.wrap_dim(d);
  Shape shape = first.shape();
  shape[d] = 0;
  std::vector<std::int64_t> starts;
  for (const Variable& x : xs) {
    Shape expected = first.shape();
    if (x.dim() == expected.dim()) expected[d] = x.shape()[d];
    check(x.shape() == expected && x.dtype() == first.dtype(), "concat", "along dimension ", d, ": ", x.value(),
          " does not fit ", first);
    check_devices("concat", first, x.value());
    starts.push_back(shape[d]);
    shape[d] += x.shape()[d];
  }
  Tensor y = Tensor::empty(shape, {first.dtype(), first.device(), first.layout()});
  for (std::size_t i = 0; i < xs.size(); ++i)
    backend(y.device()).copy(xs[i].value(), y.slice(d, starts[i], starts[i] + xs[i].shape()[d]));
  starts.push_back(shape[d]);
  return record("concat", xs, std::move(y), [d, starts](const Backward& b) -> Variables {
    Variables grads(starts.size() - 1);
    for (std::size_t i = 0; i < grads.size(); ++i)
      if (b.needs(static_cast<int>(i))) grads[i] = slice(b.grad, d, starts[i], starts[i + 1]);
    return grads;
  });
}

Variable stack(const Variables& xs, int d) {
  check(!xs.empty(), "stack", "needs at least one tensor");
  Variables expanded;
  for (const Variable& x : xs) {
    check(x.defined(), "stack", "an input is undefined");
    check(x.shape() == xs[0].shape() && x.dtype() == xs[0].dtype(), "stack", x.value(), " and ", xs[0].value(),
          " differ");
    expanded.push_back(unsqueeze(x, d));
  }
  return concat(expanded, d);
}

Variables split(const Variable& x, const std::vector<std::int64_t>& sizes, int d) {
  d = x.value().wrap_dim(d);
  const std::int64_t total = x.size(d);
  std::int64_t start = 0;
  Variables parts;
  for (std::int64_t size : sizes) {
    check(size >= 0 && size <= total - start, "split", "a part of ", size, " elements from ", start,
          " on in dimension ", d, " of ", x.value());
    parts.push_back(slice(x, d, start, start + size));
    start += size;
  }
  check(start == total, "split", "parts of ", start, " elements together for dimension ", d, " of ", x.value());
  return parts;
}

Variables split(const Variable& x, std::int64_t size, int d) {
  check(size >= 1, "split", "into parts of ", size, " elements");
  d = x.value().wrap_dim(d);
  std::int64_t left = x.size(d);
  std::vector<std::int64_t> sizes;
  do sizes.push_back(std::min(size, left));
  while ((left -= sizes.back()) > 0);
  return split(x, sizes, d);
}

Variables chunk(const Variable& x, std::int64_t parts, int d) {
  check(parts >= 1, "chunk", "into ", parts, " parts");
  const std::int64_t total = x.size(d);
  return split(x, std::max<std::int64_t>(1, total / parts + (total % parts != 0)), d);
}

Variables unbind(const Variable& x, int d) {
  d = x.value().wrap_dim(d);
  Variables parts;
  for (std::int64_t i = 0; i < x.size(d); ++i) parts.push_back(squeeze(slice(x, d, i, i + 1), d));
  return parts;
}

Variable pad(const Variable& x, const std::vector<Padding>& pads, double value) {
  const int skipped = x.dim() - static_cast<int>(pads.size());
  check(x.defined(), "pad", "the input is undefined");
  check(skipped >= 0, "pad", pads.size(), " paddings for shape ", x.shape());
  Shape shape = x.shape();
  for (int i = skipped; i < x.dim(); ++i) {
    const Padding& p = pads[static_cast<std::size_t>(i - skipped)];
    constexpr std::int64_t most = std::int64_t{1} << 60;  // sums of three do not overflow
    check(std::min(p.before, p.after) >= -most && std::max(p.before, p.after) <= most, "pad", "a padding of ", p.before,
          " and ", p.after, " elements");
    shape[i] += p.before + p.after;
    check(shape[i] >= 0, "pad", "cropping ", -p.before, " and ", -p.after, " from dimension ", i, " of ", x.shape());
  }
  // The part of x that stays, and where it lies in the result.
  Tensor from = x.value();
  Tensor y = Tensor::full(shape, value, {x.dtype(), from.device(), from.layout()}), to = y;
  std::vector<Padding> back(pads.size());
  for (int i = skipped; i < x.dim(); ++i) {
    const Padding& p = pads[static_cast<std::size_t>(i - skipped)];
    back[static_cast<std::size_t>(i - skipped)] = {-p.before, -p.after};
    const std::int64_t begin = std::clamp<std::int64_t>(-p.before, 0, x.shape()[i]);  // cropping may take all
    const std::int64_t end = std::max(begin, x.shape()[i] - std::max<std::int64_t>(0, -p.after));
    from = from.slice(i, begin, end);
    const std::int64_t at = std::min(std::max<std::int64_t>(0, p.before), shape[i]);
    to = to.slice(i, at, at + end - begin);
  }
  backend(y.device()).copy(from, to);
  return record("pad", {x}, std::move(y), [back](const Backward& b) -> Variables { return {pad(b.grad, back)}; });
}

}  // namespace duel
