#include "duel/nn/style_layers.h"

#include <cmath>

#include "duel/nn/init.h"

namespace duel {
namespace {

void check_sizes(const char* name, std::int64_t in, std::int64_t out, double gain, double lr_mul) {
  check(in >= 1 && out >= 1, name, "sizes must be positive, got ", in, " -> ", out);
  check(lr_mul > 0 && std::isfinite(lr_mul) && std::isfinite(gain), name,
        "lr_mul must be above 0 and the gain finite, got ", lr_mul, " and ", gain);
}

Variable equalized(const Variable& weight, double gain, double lr_mul) {
  return weight * (lr_mul * gain / std::sqrt(init::fan_in(weight.shape())));
}

Variable equalized_bias(const Variable& bias, double lr_mul) { return bias.defined() ? bias * lr_mul : bias; }

}  // namespace

EqualizedLinear::EqualizedLinear(Rng& rng, std::int64_t in, std::int64_t out, EqualizedLinearOptions o) : options(o) {
  check_sizes("EqualizedLinear", in, out, o.gain, o.lr_mul);
  weight = Variable::leaf(init::normal(rng, {out, in}, 0, 1 / o.lr_mul));
  if (o.bias == Bias::yes) bias = Variable::leaf(Tensor::full({out}, o.bias_start / o.lr_mul));
}

Variable EqualizedLinear::operator()(const Variable& x) const {
  return linear(x, equalized(weight, options.gain, options.lr_mul), equalized_bias(bias, options.lr_mul));
}

void EqualizedLinear::visit(Visitor& v) {
  v.parameter("weight", weight);
  v.parameter("bias", bias);
}

EqualizedConv2d::EqualizedConv2d(Rng& rng, std::int64_t in, std::int64_t out, EqualizedConv2dOptions o) : options(o) {
  check_sizes("EqualizedConv2d", in, out, o.gain, o.lr_mul);
  check(o.kernel >= 1, "EqualizedConv2d", "the kernel must be at least 1, got ", o.kernel);
  weight = Variable::leaf(init::normal(rng, {out, in, o.kernel, o.kernel}, 0, 1 / o.lr_mul));
  if (o.bias == Bias::yes) bias = Variable::leaf(init::zeros({out}));
}

Variable EqualizedConv2d::operator()(const Variable& x) const {
  return conv2d(x, equalized(weight, options.gain, options.lr_mul), equalized_bias(bias, options.lr_mul),
                {.stride = {options.stride, options.stride}, .padding = {options.padding, options.padding}});
}

void EqualizedConv2d::visit(Visitor& v) {
  v.parameter("weight", weight);
  v.parameter("bias", bias);
}

AdaptiveInstanceNorm2d::AdaptiveInstanceNorm2d(Rng& rng, std::int64_t channels, std::int64_t style_size, double e)
    : style(rng, style_size, 2 * channels), eps(e) {}

Variable AdaptiveInstanceNorm2d::operator()(const Variable& x, const Variable& w) const {
  const Variable both = style(w);
  const std::int64_t channels = both.size(1) / 2;
  return adaptive_instance_norm(x, 1 + slice(both, 1, 0, channels), slice(both, 1, channels, 2 * channels), eps);
}

ModulatedConv2d::ModulatedConv2d(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t style_size,
                                 ModulatedConv2dLayerOptions o)
    : affine(rng, style_size, in, {.bias_start = 1}), options(o) {
  check_sizes("ModulatedConv2d", in, out, 1, 1);
  check(o.kernel >= 1, "ModulatedConv2d", "the kernel must be at least 1, got ", o.kernel);
  weight = Variable::leaf(init::normal(rng, {out, in, o.kernel, o.kernel}));
}

Variable ModulatedConv2d::operator()(const Variable& x, const Variable& w) const {
  return modulated_conv2d(
      x, equalized(weight, 1, 1), affine(w),
      {.demodulate = options.demodulate,
       .eps = options.eps,
       .geometry = {.stride = {options.stride, options.stride}, .padding = {options.padding, options.padding}}});
}

void ModulatedConv2d::visit(Visitor& v) {
  v.parameter("weight", weight);
  v.child("affine", affine);
}

}  // namespace duel
