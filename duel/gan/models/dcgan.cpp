#include "duel/gan/models/dcgan.h"

#include <bit>

#include "duel/nn/init.h"
#include "duel/nn/layers.h"

namespace duel {
namespace {

using Options = DcganOptions;

const Options& checked(const char* network, const Options& o) {
  check(o.size >= 8 && o.size <= 65536 && std::has_single_bit(static_cast<std::uint64_t>(o.size)), network,
        "makes pictures of 8, 16, 32 ... pixels a side, not of ", o.size);
  check(o.channels >= 1 && o.latent >= 1 && o.width >= 1 && o.extra_layers >= 0, network,
        "channels, latent and width must be positive, extra_layers not negative");
  return o;
}

// Feature maps at 4 x 4.
std::int64_t widest(const Options& o) { return o.width * (o.size / 8); }

template <class Convolution>
Convolution drawn(Rng& rng, const Options& o, Convolution c) {
  const Shape& shape = c.weight.shape();
  const bool fastai = o.layout == DcganLayout::fastai;
  c.weight = Variable::leaf(fastai ? init::kaiming_normal(rng, shape) : init::normal(rng, shape, 0, 0.02));
  if (c.bias.defined()) c.bias = Variable::leaf(init::zeros(c.bias.shape()));
  return c;
}

BatchNorm2d drawn_norm(Rng& rng, const Options& o, std::int64_t channels) {
  BatchNorm2d norm(channels);
  if (o.layout == DcganLayout::fastai)
    norm.bias = Variable::leaf(Tensor::full({channels}, 1e-3));
  else
    norm.weight = Variable::leaf(init::normal(rng, {channels}, 1, 0.02));
  return norm;
}

// Layers one after the other, or as one.
void add(Sequential& main, const Options& o, std::vector<Layer> layers) {
  if (o.layout == DcganLayout::fastai)
    main.layers.emplace_back(Sequential{std::move(layers)});
  else
    std::move(layers.begin(), layers.end(), std::back_inserter(main.layers));
}

void visit_main(Visitor& v, const Options& o, Sequential& main) {
  if (o.layout == DcganLayout::fastai)
    main.visit(v);
  else
    v.child("main", main);
}

}  // namespace

DcganGenerator::DcganGenerator(Rng& rng, const Options& o) : options(checked("DcganGenerator", o)) {
  const auto convolve = [&](std::int64_t in, std::int64_t out, const ConvTranspose2dOptions& how) {
    add(main, o, {drawn(rng, o, ConvTranspose2d(rng, in, out, how)), drawn_norm(rng, o, out), ReLU{}});
  };
  const ConvTranspose2dOptions doubling{.kernel = 4, .stride = 2, .padding = 1, .bias = Bias::no};
  // fastai makes z a picture in a layer of its own.
  if (o.layout == DcganLayout::fastai) main.layers.emplace_back(Unflatten{{o.latent, 1, 1}});
  std::int64_t channels = widest(o);
  convolve(o.latent, channels, {.kernel = 4, .bias = Bias::no});
  for (; channels > o.width; channels /= 2) convolve(channels, channels / 2, doubling);
  for (std::int64_t i = 0; i < o.extra_layers; ++i) convolve(channels, channels, {.padding = 1, .bias = Bias::no});
  main.layers.emplace_back(drawn(rng, o, ConvTranspose2d(rng, channels, o.channels, doubling)));
  main.layers.emplace_back(Tanh{});
}

Variable DcganGenerator::operator()(const Variable& z, const Pass& pass) {
  check_latents("DcganGenerator", z, options.latent);
  return main(options.layout == DcganLayout::fastai ? z : reshape(z, {z.size(0), options.latent, 1, 1}), pass);
}

void DcganGenerator::visit(Visitor& v) { visit_main(v, options, main); }

DcganDiscriminator::DcganDiscriminator(Rng& rng, const Options& o) : options(checked("DcganDiscriminator", o)) {
  const Bias outer = o.layout == DcganLayout::fastai ? Bias::yes : Bias::no;
  const LeakyReLU activation{o.slope};
  const auto convolve = [&](std::int64_t in, std::int64_t out, const Conv2dOptions& how) {
    add(main, o, {drawn(rng, o, Conv2d(rng, in, out, how)), drawn_norm(rng, o, out), activation});
  };
  add(main, o,
      {drawn(rng, o, Conv2d(rng, o.channels, o.width, {.kernel = 4, .stride = 2, .padding = 1, .bias = outer})),
       activation});
  for (std::int64_t i = 0; i < o.extra_layers; ++i) convolve(o.width, o.width, {.padding = 1, .bias = Bias::no});
  std::int64_t channels = o.width;
  for (; channels < widest(o); channels *= 2)
    convolve(channels, 2 * channels, {.kernel = 4, .stride = 2, .padding = 1, .bias = Bias::no});
  main.layers.emplace_back(drawn(rng, o, Conv2d(rng, channels, 1, {.kernel = 4, .bias = outer})));
}

Variable DcganDiscriminator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures("DcganDiscriminator", pictures, options.channels, {options.size, options.size});
  return scores_of(flatten(main(pictures, pass), 0), options.scores);
}

void DcganDiscriminator::visit(Visitor& v) { visit_main(v, options, main); }

}  // namespace duel
