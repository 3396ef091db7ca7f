#include "duel/nn/batch_norm.h"

#include "duel/autograd/check_floating.h"
#include "duel/nn/init.h"
#include "duel/nn/replicas.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

Variable zeros(const Shape& shape) { return Variable::leaf(init::zeros(shape)); }

}  // namespace

RunningMoments::RunningMoments(std::int64_t channels, TrackRunning track) {
  if (track == TrackRunning::no) return;
  mean = init::zeros({channels});
  var = init::ones({channels});
  num_batches_tracked = Tensor::zeros({}, {.dtype = DType::int64});
}

void detail::make_own(RunningMoments& moments) {
  if (moments.kept()) moments.num_batches_tracked = moments.num_batches_tracked.clone();
}

void detail::move(RunningMoments& moments, Device device) {
  if (moments.kept()) moments.num_batches_tracked = moments.num_batches_tracked.to(device);
}

void RunningMoments::reset() {
  if (!kept()) return;
  mean.fill_(0);
  var.fill_(1);
  num_batches_tracked.fill_(0);
}

void RunningMoments::update(const BatchMoments& batch, StoredVariance stored, double momentum, const Pass& pass) {
  check(momentum >= 0 && momentum <= 1, "RunningMoments", "the momentum must lie in [0, 1], got ", momentum);
  check(kept() && batch.mean.shape() == mean.shape() && batch.mean.dtype() == mean.dtype(), "RunningMoments",
        "running statistics ", mean, " cannot take in those of a batch, ", batch.mean);
  for (const Tensor& t : {batch.mean, var, num_batches_tracked}) check_devices("RunningMoments", mean, t);
  const double n = static_cast<double>(batch.count);
  backend(mean.device())
      .update_running(batch.mean, batch.var, stored == StoredVariance::biased ? 1 : n / (n - 1),
                      pass.statistics == StatisticsUpdate::cumulative ? std::nullopt : std::optional(momentum),
                      {mean, var, num_batches_tracked});
  for (const Tensor& t : {mean, var, num_batches_tracked}) t.storage()->bump_version();
}

void RunningMoments::visit(Visitor& v) {
  v.running_moments(*this);
  v.buffer("running_mean", mean);
  v.buffer("running_var", var);
  v.buffer("num_batches_tracked", num_batches_tracked);
}

Variable normalize_batch(const Variable& x, const Variable& gain, const Variable& bias, RunningMoments& running,
                         const BatchNormOptions& o, const Pass& pass, Rectifier r) {
  const bool training = pass.mode == Mode::train;
  if (!training && running.kept()) return normalize_channels(x, running.mean, running.var, gain, bias, o.eps, r);
  BatchMoments batch;
  Variable y = training && pass.replicas ? sync_batch_norm(x, gain, bias, o.eps, r, *pass.replicas, &batch)
                                         : batch_norm(x, gain, bias, o.eps, r, &batch);
  if (training && running.kept()) running.update(batch, o.stored_variance, o.momentum, pass);
  return y;
}

BatchNorm::BatchNorm(std::int64_t channels, BatchNormOptions o) : running(channels, o.track_running), options(o) {
  check(channels >= 1, "BatchNorm", "needs at least one channel, got ", channels);
  if (o.affine == Affine::no) return;
  weight = Variable::leaf(init::ones({channels}));
  bias = zeros({channels});
}

void BatchNorm::visit(Visitor& v) {
  v.parameter("weight", weight);
  v.parameter("bias", bias);
  running.visit(v);
}

ConditionalBatchNorm2d::ConditionalBatchNorm2d(Rng& rng, std::int64_t channels, std::int64_t classes,
                                               BatchNormOptions o, GainTable table)
    : gain(rng, classes, channels),
      bias(rng, classes, channels),
      running(channels, o.track_running),
      options(o),
      gain_table(table) {
  gain.weight =
      table == GainTable::direct ? Variable::leaf(init::ones({classes, channels})) : zeros({classes, channels});
  bias.weight = zeros({classes, channels});
}

Variable ConditionalBatchNorm2d::operator()(const Variable& x, const Tensor& labels, const Pass& pass, Rectifier r) {
  const Variable rows = gain(labels);
  return normalize_batch(x, gain_table == GainTable::direct ? rows : 1 + rows, bias(labels), running, options, pass, r);
}

void ConditionalBatchNorm2d::visit(Visitor& v) {
  v.child("gain", gain);
  v.child("bias", bias);
  running.visit(v);
}

LinearConditionalBatchNorm2d::LinearConditionalBatchNorm2d(Rng& rng, std::int64_t channels, std::int64_t condition,
                                                           BatchNormOptions o, SpectralNormOptions spectral)
    : gain(rng, Linear(rng, condition, channels, {.bias = Bias::no}), spectral),
      bias(rng, Linear(rng, condition, channels, {.bias = Bias::no}), spectral),
      running(channels, o.track_running),
      options(o) {}

Variable LinearConditionalBatchNorm2d::operator()(const Variable& x, const Variable& y, const Pass& pass, Rectifier r) {
  return normalize_batch(x, 1 + gain(y, pass), bias(y, pass), running, options, pass, r);
}

void LinearConditionalBatchNorm2d::visit(Visitor& v) {
  v.child("gain", gain);
  v.child("bias", bias);
  running.visit(v);
}

}  // namespace duel
