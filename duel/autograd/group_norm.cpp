#include "duel/autograd/group_norm.h"

#include <utility>

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

// [N, G], row-major.
struct GroupMoments {
  Tensor mean, var;
};

GroupMoments group_moments(const Variable& x, std::int64_t groups) {
  const Tensor mean = Tensor::empty({x.size(0), groups}, statistics_options(x)), var = Tensor::empty_like(mean);
  backend(mean.device()).group_moments(x.value().channels_last(), mean, var);
  return {mean, var};
}

// Elements of one channel of a sample.
std::int64_t pixels(const Variable& x) {
  std::int64_t n = 1;
  for (int i = 2; i < x.dim(); ++i) n *= x.size(i);
  return n;
}

// The definition, in ordinary operations.
Variable composite(const Variable& given, std::int64_t groups, const Variable& gain, const Variable& bias, double eps,
                   Rectifier r) {
  const Variable x = follow(given, parameter_dtype(given.dtype()));
  const std::int64_t width = groups == 0 ? 1 : x.size(1) / groups;  // instance norm of no channels has no groups
  const Variable grouped = reshape(x, {x.size(0), groups, width, pixels(x)});
  const Variable centred = grouped - mean(grouped, {2, 3}, KeepDims::yes);
  const Variable var = mean(square(centred), {2, 3}, KeepDims::yes);
  const Variable y = reshape(centred * rsqrt(var + eps), x.shape());
  return follow(rectified(scale_and_shift(y, gain, bias), r), given.dtype());
}

Variable normalize(const char* name, const Variable& x, const GroupMoments& moments, const Variable& gain,
                   const Variable& bias, double eps, Rectifier r) {
  const Tensor rstd = reciprocal_stddev(moments.var, eps);
  return record_fused(
      name, {x, gain, bias},
      normalized(backend(rstd.device()).normalize_groups, x, {gain, bias, moments.mean, rstd, r}),
      [x = Saved(x), gain = Saved(gain), bias = Saved(bias), mean = moments.mean, rstd, r](const Backward& b) {
        return normalized_grads(backend(rstd.device()).group_norm_grad, b, x.get(),
                                {gain.get(), bias.get(), mean, rstd, r}, rstd.size(0));
      },
      [groups = rstd.size(1), eps, r](const Variables& in) { return composite(in[0], groups, in[1], in[2], eps, r); });
}

Variable normalize_instances(const char* name, const Variable& x, const Variable& given_gain,
                             const Variable& given_bias, double eps, Rectifier r, BatchMoments* moments) {
  const auto [gain, bias] = checked_affine(name, x, given_gain, given_bias, eps, r);
  check(pixels(x) > 1, name, "needs more than one element per channel of a sample, got ", x.value());
  const GroupMoments found = group_moments(x, x.size(1));
  if (moments) {
    check(x.size(0) > 0, name, "a batch without samples has no moments: ", x.value());
    const NoGrad no_grad;
    *moments = {mean(Variable(found.mean), {0}).value(), mean(Variable(found.var), {0}).value(), pixels(x)};
  }
  return normalize(name, x, found, gain, bias, eps, r);
}

// Rows of `elements` of x, each one group. Whole samples are taken in the order of memory if that is channels-last,
// which saves a copy: their statistics do not ask for another.
Variable normalize_rows(const Variable& x, std::int64_t rows, std::int64_t elements, double eps, Rectifier r) {
  if (rows == x.size(0) && x.dim() >= 3 && x.value().is_channels_last() && !x.value().is_row_major()) {
    Shape channels_last{0}, back{0, x.dim() - 1};
    for (int i = 1; i < x.dim(); ++i) channels_last.push_back(i % (x.dim() - 1) + 1);
    for (int i = 1; i < x.dim() - 1; ++i) back.push_back(i);
    return permute(normalize_rows(permute(x, channels_last), rows, elements, eps, r), back);
  }
  const Variable flat = reshape(x, {rows, 1, elements});
  return reshape(normalize("layer_norm", flat, group_moments(flat, 1), {}, {}, eps, r), x.shape());
}

}  // namespace

Variable group_norm(const Variable& x, std::int64_t groups, const Variable& given_gain, const Variable& given_bias,
                    double eps, Rectifier r) {
  const auto [gain, bias] = checked_affine("group_norm", x, given_gain, given_bias, eps, r);
  check(groups >= 1 && x.size(1) % groups == 0, "group_norm", groups, " groups do not divide the channels of ",
        x.value());
  check(x.size(1) / groups * pixels(x) > 1, "group_norm", "needs more than one element per group, got ", x.value(),
        " with ", groups, " groups; use fewer");
  return normalize("group_norm", x, group_moments(x, groups), gain, bias, eps, r);
}

Variable instance_norm(const Variable& x, const Variable& gain, const Variable& bias, double eps, Rectifier r,
                       BatchMoments* moments) {
  return normalize_instances("instance_norm", x, gain, bias, eps, r, moments);
}

Variable adaptive_instance_norm(const Variable& x, const Variable& gain, const Variable& bias, double eps,
                                Rectifier r) {
  for (const Variable& v : {gain, bias})
    check(v.defined() && v.dim() == 2, "adaptive_instance_norm", "needs a gain and bias [N, C] for input ", x.value(),
          ", got ", v.value());
  return normalize_instances("adaptive_instance_norm", x, gain, bias, eps, r, nullptr);
}

Variable layer_norm(const Variable& x, const Shape& normalized_shape, const Variable& given_gain,
                    const Variable& given_bias, double eps, Rectifier r) {
  check_rectifier("layer_norm", r);
  const int dims = normalized_shape.dim(), kept = x.dim() - dims;
  check(eps >= 0, "layer_norm", "eps must not be negative, got ", eps);
  check(x.defined() && is_floating(x.dtype()), "layer_norm", "needs float32 or float64, got ", x.value());
  bool fits = dims >= 1 && kept >= 0 && normalized_shape.numel() > 0;
  for (int i = 0; fits && i < dims; ++i) fits = x.shape()[kept + i] == normalized_shape[i];
  check(fits, "layer_norm", "normalized_shape must be the last sizes of the input, none of them 0: ", normalized_shape,
        " for ", x.value());
  const DType wanted = dims == 1 ? parameter_dtype(x.dtype()) : x.dtype();  // the kernel's, or that of a product
  const Variable gain = follow(given_gain, wanted), bias = follow(given_bias, wanted);
  for (const Variable& v : {gain, bias}) {
    check(!v.defined() || (v.dtype() == wanted && v.shape() == normalized_shape), "layer_norm",
          "gain and bias must be ", wanted, normalized_shape, ", got ", v.value());
    check_devices("layer_norm", x.value(), v.value());
  }
  const std::int64_t elements = normalized_shape.numel(), rows = x.numel() / elements;
  if (dims == 1) {  // gain and bias go through the kernel: [D] are the channels of x [rows, D]
    const Variable flat = reshape(x, {rows, elements});
    return reshape(normalize("layer_norm", flat, group_moments(flat, 1), gain, bias, eps, r), x.shape());
  }
  if (!gain.defined() && !bias.defined()) return normalize_rows(x, rows, elements, eps, r);
  Variable y = normalize_rows(x, rows, elements, eps, {});
  if (gain.defined()) y = y * gain;
  return rectified(bias.defined() ? y + bias : y, r);
}

Variable pixel_norm(const Variable& x, double eps) {
  check(eps >= 0, "pixel_norm", "eps must not be negative, got ", eps);
  check(x.dim() >= 2 && is_floating(x.dtype()) && x.size(1) >= 1, "pixel_norm",
        "needs a float32 or float64 [N, C, ...] with a channel at least, got ", x.value());
  return x * rsqrt(mean(square(x), {1}, KeepDims::yes) + eps);
}

}  // namespace duel
