#include "duel/gan/models/ganzo_resnet.h"

#include "duel/nn/init.h"

namespace duel {
namespace {

using Options = GanzoResnetOptions;

const Options& checked(const char* network, const Options& o) {
  check(o.size >= 16 && o.size % 16 == 0, network, "makes pictures of multiples of 16 pixels, not of ", o.size);
  check(o.channels >= 1 && o.latent >= 1 && o.width >= 1, network, "channels, latent and width must be positive");
  check(o.generator_kernel >= 1 && o.generator_kernel % 2 == 1, network, "generator_kernel must be odd, got ",
        o.generator_kernel);
  return o;
}

template <class L>
L without_bias_value(L layer) {
  if (layer.bias.defined()) layer.bias = Variable::leaf(init::zeros(layer.bias.shape()));
  return layer;
}

template <class L>
L kaiming(Rng& rng, L layer) {
  layer.weight = Variable::leaf(init::kaiming_uniform(rng, layer.weight.shape()));
  return without_bias_value(std::move(layer));
}

template <class L>
L xavier(Rng& rng, L layer) {
  layer.weight = Variable::leaf(init::xavier_uniform(rng, layer.weight.shape()));
  return without_bias_value(std::move(layer));
}

// Keeps the size.
Conv2d convolution(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t kernel, Bias bias = Bias::yes) {
  return Conv2d(rng, in, out, {.kernel = kernel, .padding = (kernel - 1) / 2, .bias = bias});
}

// Feature maps, in units of the width, at the smallest size and after each doubling.
constexpr std::int64_t kMultiples[] = {8, 8, 4, 2, 1};

}  // namespace

GanzoUpBlock::GanzoUpBlock(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t kernel)
    : norm1(in),
      norm2(out),
      shortcut(xavier(rng, convolution(rng, in, out, 1))),
      conv1(kaiming(rng, convolution(rng, in, out, kernel, Bias::no))),
      conv2(kaiming(rng, convolution(rng, out, out, kernel))) {}

Variable GanzoUpBlock::operator()(const Variable& x, const Pass& pass) {
  // The original joins four copies in depth and moves depth to space, which is nearest-neighbour upsampling.
  const Variable y = conv1.after_upsampling(norm1(x, pass, Rectifier{0}));
  return shortcut.after_upsampling(x) + conv2(norm2(y, pass, Rectifier{0}));
}

void GanzoUpBlock::visit(Visitor& v) {
  v.child("batch_norm1", norm1);
  v.child("batch_norm2", norm2);
  v.child("shortcut.conv", shortcut);
  v.child("upsample_conv.conv", conv1);
  v.child("conv", conv2);
}

GanzoDownBlock::GanzoDownBlock(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t side)
    : norm1({in, side, side}),
      norm2({in, side, side}),
      shortcut(xavier(rng, convolution(rng, in, out, 1))),
      conv1(kaiming(rng, convolution(rng, in, in, 3, Bias::no))),
      conv2(kaiming(rng, convolution(rng, in, out, 3))) {}

Variable GanzoDownBlock::operator()(const Variable& x) const {
  const Variable y = norm2(conv1(norm1(x, {}, Rectifier{0})), {}, Rectifier{0});
  return shortcut.before_pooling(x) + conv2.before_pooling(y);
}

void GanzoDownBlock::visit(Visitor& v) {
  v.child("layer_norm1", norm1);
  v.child("layer_norm2", norm2);
  v.child("shortcut.conv", shortcut);
  v.child("conv", conv1);
  v.child("conv_mean_pool.conv", conv2);
}

GanzoResnetGenerator::GanzoResnetGenerator(Rng& rng, const Options& o)
    : options(checked("GanzoResnetGenerator", o)),
      fc(xavier(rng, Linear(rng, o.latent, 8 * o.width * (o.size / 16) * (o.size / 16)))),
      norm(o.width),
      conv(kaiming(rng, convolution(rng, o.width, o.channels, 3))) {
  for (int i = 0; i < 4; ++i)
    blocks.emplace_back(rng, kMultiples[i] * o.width, kMultiples[i + 1] * o.width, o.generator_kernel);
}

Variable GanzoResnetGenerator::operator()(const Variable& z, const Pass& pass) {
  check_latents("GanzoResnetGenerator", z, options.latent);
  Variable x = reshape(fc(z), {z.size(0), 8 * options.width, options.size / 16, options.size / 16});
  for (GanzoUpBlock& block : blocks) x = block(x, pass);
  return tanh(conv(norm(x, pass, Rectifier{0})));
}

void GanzoResnetGenerator::visit(Visitor& v) {
  v.child("fc", fc);
  for (std::size_t i = 0; i < blocks.size(); ++i) v.child(cat("rb", i + 1), blocks[i]);
  v.child("batch_norm", norm);
  v.child("conv", conv);
}

GanzoResnetDiscriminator::GanzoResnetDiscriminator(Rng& rng, const Options& o)
    : options(checked("GanzoResnetDiscriminator", o)),
      conv(xavier(rng, convolution(rng, o.channels, o.width, 3))),
      fc(xavier(rng, Linear(rng, 8 * o.width * (o.size / 16) * (o.size / 16), 1))) {
  for (int i = 0; i < 4; ++i)
    blocks.emplace_back(rng, kMultiples[4 - i] * o.width, kMultiples[3 - i] * o.width, o.size >> i);
}

Variable GanzoResnetDiscriminator::operator()(const Variable& pictures, const Pass&) {
  check_pictures("GanzoResnetDiscriminator", pictures, options.channels, {options.size, options.size});
  Variable x = conv(pictures);
  for (const GanzoDownBlock& block : blocks) x = block(x);
  return flatten(fc(flatten(x)), 0);
}

void GanzoResnetDiscriminator::visit(Visitor& v) {
  v.child("conv", conv);
  for (std::size_t i = 0; i < blocks.size(); ++i) v.child(cat("rb", i + 1), blocks[i]);
  v.child("fc", fc);
}

}  // namespace duel
