#include "duel/autograd/rectified.h"

#include "duel/autograd/activations.h"
#include "duel/autograd/pointwise_kernels.h"

namespace duel {

void check_rectifier(const char* name, Rectifier r) {
  check(r.slope >= 0 && r.slope <= 1, name, "the rectifier's slope must lie in [0, 1], got ", r.slope);
}

Variable rectified(const Variable& x, Rectifier r) {
  if (r.slope == 0) return relu(x);
  return r.slope == 1 ? x : leaky_relu(x, r.slope);
}

Variable rectified_grad(const Variable& g, const Variable& y, Rectifier r) {
  if (r.slope == 1) return g;
  const bool leaky = r.slope != 0;
  const char* name = leaky ? "leaky_relu_grad" : "relu_grad";
  const BinaryOp op = leaky ? BinaryOp::leaky_relu_grad : BinaryOp::relu_grad;
  return record(name, {g, y}, binary_kernel(name, op, g.value(), y.value(), {r.slope}),
                [y = Saved(y), r](const Backward& b) -> Variables {
                  return {rectified_grad(b.grad, y.get(), r), {}};
                });
}

}  // namespace duel
