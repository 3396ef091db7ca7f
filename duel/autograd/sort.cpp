#include "duel/autograd/sort.h"

#include "duel/autograd/check_floating.h"
#include "duel/autograd/index.h"
#include "duel/autograd/pointwise.h"

namespace duel {
namespace {

// The first k places along dimension d, of any layout.
Tensor places(const Variable& x, std::int64_t k, int d, SortOrder order) {
  Shape shape = x.shape();
  shape[d] = k;
  Tensor index = Tensor::empty(shape, {.dtype = DType::int64, .device = x.value().device()});
  backend(index.device()).argsort(x.value(), index, d, order);
  return index;
}

Tensor place_of_largest(const char* name, const Variable& x, int d) {
  d = x.value().wrap_dim(d);
  check(x.size(d) > 0, name, "of no elements: dimension ", d, " of ", x.value());
  return places(x, 1, d, SortOrder::descending).squeeze(d);
}

Sorted first_of(const char* name, const Variable& x, std::int64_t k, int d, SortOrder order) {
  check_floating(name, x);
  d = x.value().wrap_dim(d);
  check(k >= 0 && k <= x.size(d), name, "the first ", k, " of ", x.size(d), " elements");
  const Tensor index = places(x, k, d, order);
  return {gather(x, d, index), index};
}

}  // namespace

Tensor argsort(const Variable& x, int d, SortOrder order) {
  check(x.defined(), "argsort", "the input is undefined");
  d = x.value().wrap_dim(d);
  return places(x, x.size(d), d, order);
}

Tensor argmax(const Variable& x, int d) {
  check_floating("argmax", x);
  return place_of_largest("argmax", x, d);
}

// The largest of -x, not the smallest of x: so that NaN comes first here too.
Tensor argmin(const Variable& x, int d) {
  check_floating("argmin", x);
  return place_of_largest("argmin", -x.detach(), d);
}

Sorted sort(const Variable& x, int d, SortOrder order) {
  return first_of("sort", x, x.defined() ? x.size(d) : 0, d, order);
}

Sorted topk(const Variable& x, std::int64_t k, int d, SortOrder order) { return first_of("topk", x, k, d, order); }

}  // namespace duel
