#include "duel/autograd/dropout.h"

#include "duel/autograd/mixed_precision.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

// 1 / (1 - p) where kept, 0 elsewhere: a constant of the graph, so the gradient is that of a product.
Tensor mask(const char* name, const Shape& shape, double p, Rng& rng, const Tensor& like) {
  check(p >= 0 && p < 1, name, "the probability must lie in [0, 1), got ", p);
  const Tensor u = rng.uniform(shape, 0, 1, {parameter_dtype(like.dtype()), like.device(), like.layout()});
  backend(u.device()).unary(UnaryOp::below, u, u, {1 - p, 1 / (1 - p)});
  return u.to(like.dtype());
}

}  // namespace

Variable dropout(const Variable& x, double p, Rng& rng) { return x * mask("dropout", x.shape(), p, rng, x.value()); }

Variable dropout2d(const Variable& x, double p, Rng& rng) {
  check(x.dim() >= 2, "dropout2d", "needs [N, C, ...], got ", x.value());
  Shape shape = x.shape();
  for (int i = 2; i < x.dim(); ++i) shape[i] = 1;
  return x * mask("dropout2d", shape, p, rng, x.value());
}

}  // namespace duel
