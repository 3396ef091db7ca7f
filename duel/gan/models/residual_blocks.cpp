#include "duel/gan/models/residual_blocks.h"

#include "duel/nn/init.h"

namespace duel {

Variable activate(Nonlinearity f, const Variable& x) {
  switch (f) {
    case Nonlinearity::relu: return relu(x);
    case Nonlinearity::leaky_relu: return leaky_relu(x, 0.2);
    case Nonlinearity::elu: return elu(x);
    case Nonlinearity::gelu: return gelu(x);
  }
  fail("activate", "there is no such nonlinearity");
}

void detail::InitializeWeights::on_parameter(const std::string&, Variable& p) {
  if (p.dim() < 2) return;
  const Shape& shape = p.shape();
  p = Variable::leaf(how == WeightInit::orthogonal   ? init::orthogonal(rng, shape)
                     : how == WeightInit::normal_002 ? init::normal(rng, shape, 0, 0.02)
                                                     : init::xavier_uniform(rng, shape));
}

SpectralNorm<Conv2d> same_size_conv(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t kernel,
                                    const SpectralNormOptions& spectral) {
  return normalized(rng, Conv2d(rng, in, out, {.kernel = kernel, .padding = kernel / 2}), spectral);
}

Variable upsampled(const Variable& x, Upsampling how) {
  if (how == Upsampling::none) return x;
  const UpsampleOptions twice{.scale = {2, 2}};
  return how == Upsampling::nearest ? upsample_nearest(x, twice) : upsample_bilinear(x, twice);
}

namespace {

Variable convolved(SpectralNorm<Conv2d>& conv, const Variable& x, Downsampling how, const Pass& pass) {
  return how == Downsampling::average ? conv.before_pooling(x, pass) : conv(x, pass);
}

}  // namespace

DiscriminatorBlock::DiscriminatorBlock(Rng& rng, const DiscriminatorBlockOptions& o)
    : options(o),
      conv1(same_size_conv(rng, o.in, o.hidden, 3, o.spectral)),
      conv2(same_size_conv(rng, o.hidden, o.out, 3, o.spectral)) {
  if (o.in != o.out || o.downsampling != Downsampling::none) shortcut = same_size_conv(rng, o.in, o.out, 1, o.spectral);
  if (!o.norm) return;
  if (o.preactivation == Preactivation::yes) norm1.emplace(o.in, *o.norm);
  norm2.emplace(o.hidden, *o.norm);
  if (shortcut) shortcut_norm.emplace(o.in, *o.norm);
}

Variable DiscriminatorBlock::beside(const Variable& x, const Pass& pass) {
  const Downsampling down = options.downsampling;
  if (!shortcut) return x;
  if (!shortcut_norm) return convolved(*shortcut, x, down, pass);  // in which order makes no difference
  if (options.preactivation == Preactivation::yes) return convolved(*shortcut, (*shortcut_norm)(x, pass), down, pass);
  return (*shortcut)((*shortcut_norm)(down == Downsampling::average ? avg_pool2d(x) : x, pass), pass);
}

Variable DiscriminatorBlock::operator()(const Variable& x, const Pass& pass) {
  const Nonlinearity f = options.nonlinearity;
  const Variable seen = options.preactivation == Preactivation::no ? x
                        : norm1                                    ? (*norm1)(x, pass, Rectifier{0})
                                                                   : relu(x);
  const Variable h =
      activate(f, [&](Rectifier r) { return norm2 ? (*norm2)(conv1(seen, pass), pass, r) : conv1(seen, pass, r); });
  return convolved(conv2, h, options.downsampling, pass) +
         beside(options.shortcut_input == ShortcutInput::activated ? seen : x, pass);
}

void DiscriminatorBlock::visit(Visitor& v) {
  v.child(options.names.conv1, conv1);
  v.child(options.names.conv2, conv2);
  if (shortcut) v.child(options.names.shortcut, *shortcut);
  if (norm1) v.child(options.names.norm1, *norm1);
  if (norm2) v.child(options.names.norm2, *norm2);
  if (shortcut_norm) v.child(options.names.shortcut_norm, *shortcut_norm);
}

}  // namespace duel
