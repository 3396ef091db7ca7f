#include "duel/nn/layers.h"

#include <cmath>

#include "duel/nn/init.h"

namespace duel {
namespace {

// PyTorch's default for Linear and the convolutions, weight and bias alike.
Variable default_init(Rng& rng, const Shape& shape, double fan_in) {
  const double bound = fan_in > 0 ? 1 / std::sqrt(fan_in) : 0;
  return Variable::leaf(init::uniform(rng, shape, -bound, bound));
}

Variable default_bias(Rng& rng, Bias wanted, std::int64_t size, double fan_in) {
  return wanted == Bias::yes ? default_init(rng, {size}, fan_in) : Variable();
}

// The same in both directions, for Conv2dOptions and ConvTranspose2dOptions.
template <class Options>
Conv2dGeometry square_geometry(const Options& o) {
  return {.stride = {o.stride, o.stride},
          .padding = {o.padding, o.padding},
          .dilation = {o.dilation, o.dilation},
          .groups = o.groups};
}

void check_channels(const char* name, std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t groups) {
  check(in >= 1 && out >= 1 && kernel >= 1 && groups >= 1 && in % groups == 0 && out % groups == 0, name,
        "cannot make ", in, " -> ", out, " channels with kernel ", kernel, " and ", groups, " groups");
}

Variable zeros(const Shape& shape) { return Variable::leaf(init::zeros(shape)); }

void lerp_(Tensor& running, const Tensor& batch, double momentum) {
  backend(running.device()).binary(BinaryOp::lerp, running, batch, running, {momentum});
  running.storage()->bump_version();
}

Rng& needed_rng(const char* name, const Pass& pass) {
  check(pass.rng != nullptr, name, "training needs a random stream: pass {.rng = &rng}");
  return *pass.rng;
}

}  // namespace

Linear::Linear(Rng& rng, std::int64_t in, std::int64_t out, LinearOptions o) {
  check(in >= 1 && out >= 1, "Linear", "sizes must be positive, got ", in, " -> ", out);
  weight = default_init(rng, {out, in}, static_cast<double>(in));
  bias = default_bias(rng, o.bias, out, static_cast<double>(in));
}

void Linear::visit(Visitor& v) {
  v.parameter("weight", weight);
  v.parameter("bias", bias);
}

Conv2d::Conv2d(Rng& rng, std::int64_t in, std::int64_t out, Conv2dOptions o) : geometry(square_geometry(o)) {
  check_channels("Conv2d", in, out, o.kernel, o.groups);
  const Shape shape{out, in / o.groups, o.kernel, o.kernel};
  weight = default_init(rng, shape, init::fan_in(shape));
  bias = default_bias(rng, o.bias, out, init::fan_in(shape));
}

void Conv2d::visit(Visitor& v) {
  v.parameter("weight", weight);
  v.parameter("bias", bias);
}

ConvTranspose2d::ConvTranspose2d(Rng& rng, std::int64_t in, std::int64_t out, ConvTranspose2dOptions o)
    : geometry(square_geometry(o)), output_padding{o.output_padding, o.output_padding} {
  check_channels("ConvTranspose2d", in, out, o.kernel, o.groups);
  const Shape shape{in, out / o.groups, o.kernel, o.kernel};
  weight = default_init(rng, shape, init::fan_in(shape));
  bias = default_bias(rng, o.bias, out, init::fan_in(shape));
}

void ConvTranspose2d::visit(Visitor& v) {
  v.parameter("weight", weight);
  v.parameter("bias", bias);
}

Embedding::Embedding(Rng& rng, std::int64_t count, std::int64_t size) {
  check(count >= 1 && size >= 1, "Embedding", "sizes must be positive, got ", count, " x ", size);
  weight = Variable::leaf(init::normal(rng, {count, size}));
}

RunningMoments::RunningMoments(std::int64_t channels)
    : mean(init::zeros({channels})),
      var(init::ones({channels})),
      num_batches_tracked(Tensor::zeros({}, {.dtype = DType::int64})) {}

Variable RunningMoments::normalize(const Variable& x, const Variable& gain, const Variable& bias,
                                   const BatchNormOptions& options, const Pass& pass) {
  check(options.momentum >= 0 && options.momentum <= 1, "BatchNorm", "the momentum must lie in [0, 1], got ",
        options.momentum);
  if (pass.mode == Mode::eval) return normalize_channels(x, mean, var, gain, bias, options.eps);
  BatchMoments batch;
  Variable y = batch_norm(x, gain, bias, options.eps, &batch);
  const double n = static_cast<double>(batch.count);
  const Tensor unbiased = affine(batch.var, n / (n - 1), 0).value();
  lerp_(mean, batch.mean, options.momentum);
  lerp_(var, unbiased, options.momentum);
  num_batches_tracked.fill_(num_batches_tracked.item() + 1);
  return y;
}

void RunningMoments::visit(Visitor& v) {
  v.buffer("running_mean", mean);
  v.buffer("running_var", var);
  v.buffer("num_batches_tracked", num_batches_tracked);
}

BatchNorm::BatchNorm(std::int64_t channels, BatchNormOptions o)
    : weight(Variable::leaf(init::ones({channels}))), bias(zeros({channels})), running(channels), options(o) {}

void BatchNorm::visit(Visitor& v) {
  v.parameter("weight", weight);
  v.parameter("bias", bias);
  running.visit(v);
}

ConditionalBatchNorm2d::ConditionalBatchNorm2d(Rng& rng, std::int64_t channels, std::int64_t classes,
                                               BatchNormOptions o)
    : gain(rng, classes, channels), bias(rng, classes, channels), running(channels), options(o) {
  gain.weight = zeros({classes, channels});
  bias.weight = zeros({classes, channels});
}

void ConditionalBatchNorm2d::visit(Visitor& v) {
  v.child("gain", gain);
  v.child("bias", bias);
  running.visit(v);
}

Variable Dropout::operator()(const Variable& x, const Pass& pass) const {
  return pass.mode == Mode::train ? dropout(x, p, needed_rng("Dropout", pass)) : x;
}

Variable Dropout2d::operator()(const Variable& x, const Pass& pass) const {
  return pass.mode == Mode::train ? dropout2d(x, p, needed_rng("Dropout2d", pass)) : x;
}

Variable Unflatten::operator()(const Variable& x) const {
  Shape full{x.size(0)};
  for (std::int64_t s : shape) full.push_back(s);
  return reshape(x, full);
}

}  // namespace duel
