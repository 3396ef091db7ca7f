#include "duel/autograd/norm.h"

#include "duel/autograd/check_floating.h"
#include "duel/autograd/fused.h"
#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/norm_parameters.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/rectified.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"

namespace duel {
namespace {

// The definition, in ordinary operations.
Variable composite(const Variable& given, const Variable& gain, const Variable& bias, double eps, Rectifier r) {
  const Variable x = follow(given, parameter_dtype(given.dtype()));
  Shape dims{0};
  for (int i = 2; i < x.dim(); ++i) dims.push_back(i);
  const Variable centred = x - mean(x, dims, KeepDims::yes);
  const Variable var = mean(square(centred), dims, KeepDims::yes);
  return follow(rectified(scale_and_shift(centred * rsqrt(var + eps), gain, bias), r), given.dtype());
}

}  // namespace

Variable batch_norm(const Variable& x, const Variable& given_gain, const Variable& given_bias, double eps, Rectifier r,
                    BatchMoments* moments) {
  const auto [gain, bias] = checked_affine("batch_norm", x, given_gain, given_bias, eps, r);
  const std::int64_t count = x.size(1) == 0 ? 0 : x.numel() / x.size(1);
  check(count > 1, "batch_norm", "needs more than one element per channel in training, got ", x.value(),
        "; use a larger batch");
  const Tensor mean = Tensor::empty({x.size(1)}, statistics_options(x)), var = Tensor::empty_like(mean);
  const Backend& device = backend(mean.device());
  device.channel_moments(x.value().channels_last(), mean, var);
  if (moments) *moments = {mean, var, count};
  const Tensor rstd = reciprocal_stddev(var, eps);
  return record_fused(
      "batch_norm", {x, gain, bias}, normalized(device.normalize_channels, x, {gain, bias, mean, rstd, r}),
      // The mean too can have been written since: the caller may have it, in `moments`.
      [x = Saved(x), gain = Saved(gain), bias = Saved(bias), mean = Saved(mean), rstd, r](const Backward& b) {
        const Normalizer n{gain.get(), bias.get(), mean.get().value(), rstd, r};
        const bool conditional = (n.gain.defined() && n.gain.dim() == 2) || (n.bias.defined() && n.bias.dim() == 2);
        return normalized_grads(backend(rstd.device()).batch_norm_grad, b, x.get(), n,
                                conditional ? x.get().size(0) : 1);
      },
      [eps, r](const Variables& in) { return composite(in[0], in[1], in[2], eps, r); });
}

Variable normalize_channels(const Variable& x, const Tensor& mean, const Tensor& var, const Variable& given_gain,
                            const Variable& given_bias, double eps, Rectifier r) {
  const auto [gain, bias] = checked_affine("normalize_channels", x, given_gain, given_bias, eps, r);
  const DType wanted = parameter_dtype(x.dtype());
  for (const Tensor& t : {mean, var}) {
    check(t.defined() && t.shape() == Shape{x.size(1)} && t.dtype() == wanted, "normalize_channels", "statistics ",
          mean, " and ", var, " for input ", x.value());
    check_devices("normalize_channels", x.value(), t);
  }
  const Tensor rstd = reciprocal_stddev(var, eps);
  return record(
      "normalize_channels", {x, gain, bias},
      normalized(backend(x.value().device()).normalize_channels, x, {gain, bias, mean, rstd, r}),
      [x = Saved(x), gain = Saved(gain), bias = Saved(bias), mean = Saved(mean), rstd, r](const Backward& b) {
        const Variable rectified = r == Rectifier() ? b.grad : rectified_grad(b.grad, b.output(), r);
        const Variable g = follow(rectified, rstd.dtype()), scaled = g * over_space(rstd, g);
        Variables grads(3);
        if (b.needs(0)) grads[0] = follow(scale_and_shift(scaled, gain.get(), {}), b.grad.dtype());
        if (b.needs(1)) {
          const Variable from_mean = follow(x.get(), rstd.dtype()) - over_space(mean.get(), x.get());
          const Variable over_x = scaled * from_mean;
          grads[1] = reshape(sum_to(over_x, over_space(gain.get(), over_x).shape()), gain.get().shape());
        }
        if (b.needs(2)) grads[2] = reshape(sum_to(g, over_space(bias.get(), g).shape()), bias.get().shape());
        return grads;
      },
      r == Rectifier() ? Keep::nothing : Keep::output);
}

}  // namespace duel
