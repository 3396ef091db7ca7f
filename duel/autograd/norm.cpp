#include "duel/autograd/norm.h"

#include "duel/autograd/fused.h"
#include "duel/autograd/norm_parameters.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

// The definition, in ordinary operations.
Variable batch_norm_composite(const Variable& x, const Variable& gain, const Variable& bias, double eps) {
  Shape dims{0};
  for (int i = 2; i < x.dim(); ++i) dims.push_back(i);
  const Variable centred = x - mean(x, dims, KeepDims::yes);
  const Variable var = mean(square(centred), dims, KeepDims::yes);
  return scale_and_shift(centred * rsqrt(var + eps), gain, bias);
}

Variables batch_norm_grads(const Backward& b, const Variable& x, const Variable& gain, const Variable& bias,
                           const Tensor& mean, const Tensor& rstd) {
  const Tensor dx = Tensor::empty(x.shape(), {x.dtype(), x.value().device(), Layout::channels_last});
  const Tensor dgain = Tensor::empty({x.size(0), x.size(1)}, x.value().options()), dbias = Tensor::empty_like(dgain);
  backend(dx.device())
      .batch_norm_grad(x.value().channels_last(), b.grad.value().channels_last(), mean, rstd, per_sample(gain, x), dx,
                       dgain, dbias);
  return {dx, b.needs(1) ? sum_to(dgain, gain.shape()) : Variable(),
          b.needs(2) ? sum_to(dbias, bias.shape()) : Variable()};
}

Tensor normalized(const Variable& x, const Tensor& mean, const Tensor& rstd, const Variable& gain,
                  const Variable& bias) {
  Tensor y = Tensor::empty(x.shape(), {x.dtype(), x.value().device(), Layout::channels_last});
  backend(y.device())
      .normalize_channels(x.value().channels_last(), mean, rstd, per_sample(gain, x), per_sample(bias, x), y);
  return y;
}

}  // namespace

Variable batch_norm(const Variable& x, const Variable& gain, const Variable& bias, double eps, BatchMoments* moments) {
  check_affine_input("batch_norm", x, gain, bias, eps);
  const std::int64_t count = x.size(1) == 0 ? 0 : x.numel() / x.size(1);
  check(count > 1, "batch_norm", "needs more than one element per channel in training, got ", x.value(),
        "; use a larger batch");
  const Tensor mean = Tensor::empty({x.size(1)}, x.value().options()), var = Tensor::empty_like(mean);
  backend(mean.device()).channel_moments(x.value().channels_last(), mean, var);
  if (moments) *moments = {mean, var, count};
  const Tensor rstd = reciprocal_stddev(var, eps);
  return record_fused(
      "batch_norm", {x, gain, bias}, normalized(x, mean, rstd, gain, bias),
      // The mean too can have been written since: the caller may have it, in `moments`.
      [x = Saved(x), gain = Saved(gain), bias = Saved(bias), mean = Saved(mean), rstd](const Backward& b) {
        return batch_norm_grads(b, x.get(), gain.get(), bias.get(), mean.get().value(), rstd);
      },
      [eps](const Variables& in) { return batch_norm_composite(in[0], in[1], in[2], eps); });
}

Variable normalize_channels(const Variable& x, const Tensor& mean, const Tensor& var, const Variable& gain,
                            const Variable& bias, double eps) {
  check_affine_input("normalize_channels", x, gain, bias, eps);
  const Shape channels{x.size(1)};
  check(mean.shape() == channels && var.shape() == channels && mean.dtype() == x.dtype() && var.dtype() == x.dtype(),
        "normalize_channels", "statistics ", mean, " and ", var, " for input ", x.value());
  const Tensor rstd = reciprocal_stddev(var, eps);
  return record(
      "normalize_channels", {x, gain, bias}, normalized(x, mean, rstd, gain, bias),
      [x = Saved(x), gain = Saved(gain), bias = Saved(bias), mean = Saved(mean), rstd](const Backward& b) -> Variables {
        const Variable scaled = b.grad * over_space(rstd, b.grad);
        Variables grads(3);
        if (b.needs(0)) grads[0] = scale_and_shift(scaled, gain.get(), {});
        if (b.needs(1)) {
          const Variable over_x = scaled * (x.get() - over_space(mean.get(), x.get()));
          grads[1] = reshape(sum_to(over_x, over_space(gain.get(), over_x).shape()), gain.get().shape());
        }
        if (b.needs(2)) grads[2] = reshape(sum_to(b.grad, over_space(bias.get(), b.grad).shape()), bias.get().shape());
        return grads;
      });
}

}  // namespace duel
