#include "duel/nn/norm_layers.h"

#include "duel/nn/init.h"

namespace duel {
namespace {

// Weight 1 and bias 0 of this shape, unless the layer goes without.
template <class Norm>
void make_affine(Norm& norm, Affine affine, const Shape& shape) {
  if (affine == Affine::no) return;
  norm.weight = Variable::leaf(Tensor::full(shape, 1));
  norm.bias = Variable::leaf(Tensor::zeros(shape));
}

template <class Norm>
void visit_affine(Norm& norm, Visitor& v) {
  v.parameter("weight", norm.weight);
  v.parameter("bias", norm.bias);
}

}  // namespace

InstanceNorm::InstanceNorm(std::int64_t size, InstanceNormOptions o)
    : channels(size), running(size, o.track_running), options(o) {
  check(size >= 1, "InstanceNorm", "needs at least one channel, got ", size);
  make_affine(*this, o.affine, {size});
}

Variable InstanceNorm::operator()(const Variable& x, const Pass& pass, Rectifier r) {
  check(x.defined() && x.dim() >= 2 && x.size(1) == channels, "InstanceNorm", "needs ", channels,
        " channels [N, C, ...]", x.defined() ? cat(", got ", x.value()) : "");
  const bool training = pass.mode == Mode::train;
  if (!running.kept()) return instance_norm(x, weight, bias, options.eps, r);
  if (!training) return normalize_channels(x, running.mean, running.var, weight, bias, options.eps, r);
  BatchMoments means;
  Variable y = instance_norm(x, weight, bias, options.eps, r, &means);
  running.update(means, StoredVariance::unbiased, options.momentum, pass);
  return y;
}

void InstanceNorm::visit(Visitor& v) {
  visit_affine(*this, v);
  running.visit(v);
}

LayerNorm::LayerNorm(const Shape& sizes, LayerNormOptions o) : shape(sizes), options(o) {
  check(sizes.dim() >= 1 && sizes.numel() >= 1, "LayerNorm", "needs at least one dimension and one element, got shape ",
        sizes);
  make_affine(*this, o.affine, sizes);
}

Variable LayerNorm::operator()(const Variable& x, const Pass&, Rectifier r) const {
  return layer_norm(x, shape, weight, bias, options.eps, r);
}

void LayerNorm::visit(Visitor& v) { visit_affine(*this, v); }

GroupNorm::GroupNorm(std::int64_t count, std::int64_t channels, GroupNormOptions o) : groups(count), options(o) {
  check(count >= 1 && channels >= 1 && channels % count == 0, "GroupNorm", channels, " channels do not divide into ",
        count, " groups");
  make_affine(*this, o.affine, {channels});
}

Variable GroupNorm::operator()(const Variable& x, const Pass&, Rectifier r) const {
  return group_norm(x, groups, weight, bias, options.eps, r);
}

void GroupNorm::visit(Visitor& v) { visit_affine(*this, v); }

}  // namespace duel
