#include "duel/autograd/norm.h"

#include "duel/autograd/grad.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

void check_input(const char* name, const Variable& x, const Variable& gain, const Variable& bias, double eps) {
  check(eps >= 0, name, "eps must not be negative, got ", eps);
  check(x.dim() >= 2 && is_floating(x.dtype()), name, "needs a float32 or float64 [N, C, ...], got ", x.value());
  for (const Variable& v : {gain, bias})
    check(!v.defined() ||
              (v.dtype() == x.dtype() && (v.shape() == Shape{x.size(1)} || v.shape() == Shape{x.size(0), x.size(1)})),
          name, "gain and bias must be [C] or [N, C] for input ", x.value(), ", got ", v.value());
}

// [C] or [N, C] as [N, C]: a view.
Tensor per_sample(const Variable& v, const Variable& x) {
  return v.defined() ? v.value().expand({x.size(0), x.size(1)}) : Tensor();
}

// [C] or [N, C] as [1 or N, C, 1, ...], to broadcast against x.
Variable over_space(const Variable& v, const Variable& x) {
  Shape shape = Shape::filled(x.dim(), 1);
  if (v.dim() == 2) shape[0] = v.size(0);
  shape[1] = v.size(-1);
  return reshape(v, shape);
}

Variable scale_and_shift(Variable y, const Variable& gain, const Variable& bias) {
  if (gain.defined()) y = y * over_space(gain, y);
  return bias.defined() ? y + over_space(bias, y) : y;
}

// The definition, in ordinary operations.
Variable composite(const Variable& x, const Variable& gain, const Variable& bias, double eps) {
  Shape dims{0};
  for (int i = 2; i < x.dim(); ++i) dims.push_back(i);
  const Variable centred = x - mean(x, dims, KeepDims::yes);
  const Variable var = mean(square(centred), dims, KeepDims::yes);
  return scale_and_shift(centred * rsqrt(var + eps), gain, bias);
}

// The same value under a node of its own: lets a gradient of the composite stop here, although its inputs may depend on
// one another.
Variable alias(const Variable& x) {
  if (!x.defined()) return x;
  return record("alias", {x}, x.value(), [](const Backward& b) -> Variables { return {b.grad}; });
}

struct Fused {
  Saved x, gain, bias, mean;  // the mean too: the caller may have it, in BatchMoments
  Tensor rstd;
  double eps;

  // Second and further orders: differentiate the composite.
  Variables recorded(const Backward& b) const {
    const Variable x_ = alias(x.get()), gain_ = alias(gain.get()), bias_ = alias(bias.get());
    Variables inputs, grads(3);
    std::vector<std::size_t> places;
    const Variable* all[] = {&x_, &gain_, &bias_};
    for (std::size_t i = 0; i < 3; ++i)
      if (b.needs(static_cast<int>(i))) {
        inputs.push_back(*all[i]);
        places.push_back(i);
      }
    const Variables found =
        grad(composite(x_, gain_, bias_, eps), inputs, {.create_graph = true, .grad_output = b.grad});
    for (std::size_t i = 0; i < found.size(); ++i) grads[places[i]] = found[i];
    return grads;
  }

  Variables operator()(const Backward& b) const {
    if (is_recording()) return recorded(b);
    const Variable& v = x.get();
    const Tensor dx = Tensor::empty(v.shape(), {v.dtype(), v.value().device(), Layout::channels_last});
    const Tensor dgain = Tensor::empty({v.size(0), v.size(1)}, v.value().options());
    const Tensor dbias = Tensor::empty_like(dgain);
    backend(dx.device())
        .batch_norm_grad(v.value().channels_last(), b.grad.value().channels_last(), mean.get().value(), rstd,
                         per_sample(gain.get(), v), dx, dgain, dbias);
    return {dx, b.needs(1) ? sum_to(dgain, gain.get().shape()) : Variable(),
            b.needs(2) ? sum_to(dbias, bias.get().shape()) : Variable()};
  }
};

Tensor reciprocal_stddev(const Tensor& var, double eps) {
  const NoGrad no_grad;
  return rsqrt(Variable(var) + eps).value();
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
  check_input("batch_norm", x, gain, bias, eps);
  const std::int64_t count = x.size(1) == 0 ? 0 : x.numel() / x.size(1);
  check(count > 1, "batch_norm", "needs more than one element per channel in training, got ", x.value(),
        "; use a larger batch");
  const Tensor mean = Tensor::empty({x.size(1)}, x.value().options()), var = Tensor::empty_like(mean);
  backend(mean.device()).channel_moments(x.value().channels_last(), mean, var);
  if (moments) *moments = {mean, var, count};
  const Tensor rstd = reciprocal_stddev(var, eps);
  return record("batch_norm", {x, gain, bias}, normalized(x, mean, rstd, gain, bias),
                Fused{x, gain, bias, Saved(mean), rstd, eps});
}

Variable normalize_channels(const Variable& x, const Tensor& mean, const Tensor& var, const Variable& gain,
                            const Variable& bias, double eps) {
  check_input("normalize_channels", x, gain, bias, eps);
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
