#include "duel/autograd/norm_parameters.h"

#include "duel/autograd/pointwise.h"
#include "duel/autograd/shape_ops.h"

namespace duel {

void check_affine_input(const char* name, const Variable& x, const Variable& gain, const Variable& bias, double eps) {
  check(eps >= 0, name, "eps must not be negative, got ", eps);
  check(x.dim() >= 2 && is_floating(x.dtype()), name, "needs a float32 or float64 [N, C, ...], got ", x.value());
  for (const Variable& v : {gain, bias})
    check(!v.defined() ||
              (v.dtype() == x.dtype() && (v.shape() == Shape{x.size(1)} || v.shape() == Shape{x.size(0), x.size(1)})),
          name, "gain and bias must be [C] or [N, C] for input ", x.value(), ", got ", v.value());
}

Tensor per_sample(const Variable& parameter, const Variable& x) {
  return parameter.defined() ? parameter.value().expand({x.size(0), x.size(1)}) : Tensor();
}

Variable over_space(const Variable& parameter, const Variable& x) {
  Shape shape = Shape::filled(x.dim(), 1);
  if (parameter.dim() == 2) shape[0] = parameter.size(0);
  shape[1] = parameter.size(-1);
  return reshape(parameter, shape);
}

Variable scale_and_shift(Variable y, const Variable& gain, const Variable& bias) {
  if (gain.defined()) y = y * over_space(gain, y);
  return bias.defined() ? y + over_space(bias, y) : y;
}

Tensor reciprocal_stddev(const Tensor& var, double eps) {
  const NoGrad no_grad;
  return rsqrt(Variable(var) + eps).value();
}

}  // namespace duel
