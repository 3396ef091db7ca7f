#include "duel/autograd/dropout.h"

#include "duel/autograd/pointwise.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

// Linear in x, and its own transpose: the gradient draws the same numbers again.
Variable drop(const char* name, const Variable& x, double p, const RandomBlocks& blocks) {
  const Tensor y = Tensor::empty(x.shape(), {x.dtype(), x.value().device(), x.value().layout()});
  backend(y.device()).dropout(x.value(), blocks, p, y);
  return record(name, {x}, y, [=](const Backward& b) -> Variables { return {drop(name, b.grad, p, blocks)}; });
}

void check_probability(const char* name, double p) {
  check(p >= 0 && p < 1, name, "the probability must lie in [0, 1), got ", p);
}

}  // namespace

Variable dropout(const Variable& x, double p, Rng& rng) {
  check_probability("dropout", p);
  return drop("dropout", x, p, rng.take(x.numel(), x.value().device()));
}

Variable dropout2d(const Variable& x, double p, Rng& rng) {
  check_probability("dropout2d", p);
  check(x.dim() >= 2, "dropout2d", "needs [N, C, ...], got ", x.value());
  Shape shape = x.shape();
  for (int i = 2; i < x.dim(); ++i) shape[i] = 1;
  const Tensor ones = Tensor::scalar(1, x.dtype(), x.value().device()).expand(shape);
  return x * drop("dropout2d", ones, p, rng.take(shape.numel(), x.value().device()));
}

}  // namespace duel
