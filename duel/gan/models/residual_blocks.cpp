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

DiscriminatorBlock::DiscriminatorBlock(Rng& rng, const DiscriminatorBlockOptions& o)
    : options(o),
      conv1(same_size_conv(rng, o.in, o.hidden, 3, o.spectral)),
      conv2(same_size_conv(rng, o.hidden, o.out, 3, o.spectral)) {
  if (o.in != o.out || o.downsampling != Downsampling::none) shortcut = same_size_conv(rng, o.in, o.out, 1, o.spectral);
}

Variable DiscriminatorBlock::operator()(const Variable& x, const Pass& pass) {
  const auto convolved = [&](SpectralNorm<Conv2d>& conv, const Variable& map) {
    return options.downsampling == Downsampling::average ? conv.before_pooling(map, pass) : conv(map, pass);
  };
  const Variable seen = options.preactivation == Preactivation::yes ? relu(x) : x;
  const Variable h = activate(options.nonlinearity, [&](Rectifier r) { return conv1(seen, pass, r); });
  const Variable beside = options.shortcut_input == ShortcutInput::activated ? seen : x;
  return convolved(conv2, h) + (shortcut ? convolved(*shortcut, beside) : beside);
}

void DiscriminatorBlock::visit(Visitor& v) {
  v.child(options.names.conv1, conv1);
  v.child(options.names.conv2, conv2);
  if (shortcut) v.child(options.names.shortcut, *shortcut);
}

}  // namespace duel
