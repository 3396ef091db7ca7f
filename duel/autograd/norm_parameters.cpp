#include "duel/autograd/norm_parameters.h"

#include "duel/autograd/check_floating.h"
#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/pointwise_kernels.h"
#include "duel/autograd/rectified.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"

namespace duel {
namespace {

// [C] or [N, C] as [N, C], a view; undefined stays so.
Tensor per_sample(const Variable& parameter, const Variable& x) {
  return parameter.defined() ? parameter.value().expand({x.size(0), x.size(1)}) : Tensor();
}

Tensor channels_last_like(const Variable& x) {
  return Tensor::empty(x.shape(), {x.dtype(), x.value().device(), Layout::channels_last});
}

}  // namespace

AffineParameters checked_affine(const char* name, const Variable& x, const Variable& gain, const Variable& bias,
                                double eps, Rectifier r) {
  check_rectifier(name, r);
  check(eps >= 0, name, "eps must not be negative, got ", eps);
  check(x.dim() >= 2 && is_floating(x.dtype()), name, "needs a float32 or float64 [N, C, ...], got ", x.value());
  const DType wanted = parameter_dtype(x.dtype());
  AffineParameters found{follow(gain, wanted), follow(bias, wanted)};
  for (const Variable& v : {found.gain, found.bias}) {
    check(!v.defined() ||
              (v.dtype() == wanted && (v.shape() == Shape{x.size(1)} || v.shape() == Shape{x.size(0), x.size(1)})),
          name, "gain and bias must be [C] or [N, C] for input ", x.value(), ", got ", v.value());
    check_devices(name, x.value(), v.value());
  }
  return found;
}

TensorOptions statistics_options(const Variable& x) { return {parameter_dtype(x.dtype()), x.value().device()}; }

Tensor normalized(NormalizeKernel kernel, const Variable& x, const Normalizer& n) {
  Tensor y = channels_last_like(x);
  kernel(x.value().channels_last(), n.mean, n.rstd, per_sample(n.gain, x), per_sample(n.bias, x), n.rectifier, y);
  return y;
}

Variables normalized_grads(NormGradKernel kernel, const Backward& b, const Variable& x, const Normalizer& n,
                           std::int64_t rows) {
  const Tensor dx = in_place_of_grad(b);
  const Tensor dgain = Tensor::empty({rows, x.size(1)}, statistics_options(x)), dbias = Tensor::empty_like(dgain);
  kernel(x.value().channels_last(), b.grad.value().channels_last(), n.mean, n.rstd, per_sample(n.gain, x),
         per_sample(n.bias, x), n.rectifier, dx, dgain, dbias);
  return {dx, b.needs(1) ? sum_to(dgain, n.gain.shape()) : Variable(),
          b.needs(2) ? sum_to(dbias, n.bias.shape()) : Variable()};
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
  return unary_kernel("reciprocal_stddev", UnaryOp::rsqrt, var, {eps});
}

}  // namespace duel
