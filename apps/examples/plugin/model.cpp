// The model two-layer: a generator and a discriminator with one hidden layer each. Their options are told by
// --model-options, as those of duel's own networks, and shown by `duel info --model two-layer`.
#include "parts.h"

namespace example {
namespace {

using namespace duel;

struct TwoLayerOptions {
  Size2 size{28, 28};  // the program sets size and channels to those of the data
  std::int64_t channels = 1, latent = 64, width = 128;

  std::int64_t pixels() const { return channels * size.h * size.w; }
  Shape picture() const { return {channels, size.h, size.w}; }
};

template <class F>
void describe(TwoLayerOptions& o, F&& f) {
  f("size", o.size);
  f("channels", o.channels);
  f("latent", o.latent);
  f("width", o.width);
}

struct TwoLayerGenerator {
  using Options = TwoLayerOptions;
  Options options;
  Linear hidden, out;

  TwoLayerGenerator(Rng& rng, const Options& o)
      : options(o), hidden(rng, o.latent, o.width), out(rng, o.width, o.pixels()) {}
  // [N, latent] -> [N, C, H, W]
  Variable operator()(const Variable& z, const Pass& = {}) {
    return reshape(tanh(out(relu(hidden(z)))), {z.size(0), options.channels, options.size.h, options.size.w});
  }
  void visit(Visitor& v) {
    v.child("hidden", hidden);
    v.child("out", out);
  }
};

struct TwoLayerDiscriminator {
  using Options = TwoLayerOptions;
  Options options;
  Linear hidden, out;

  TwoLayerDiscriminator(Rng& rng, const Options& o)
      : options(o), hidden(rng, o.pixels(), o.width), out(rng, o.width, 1) {}
  // [N, C, H, W] -> [N]
  Variable operator()(const Variable& pictures, const Pass& = {}) {
    const std::int64_t n = pictures.size(0);
    return reshape(out(relu(hidden(reshape(pictures, {n, options.pixels()})))), {n});
  }
  void visit(Visitor& v) {
    v.child("hidden", hidden);
    v.child("out", out);
  }
};

}  // namespace

void register_model(Registry& registry) {
  registry.models.add(
      {.name = "two-layer",
       .source = "the plug-in example",
       .networks = {{"generator", Blueprint::of<TwoLayerGenerator>(
                                      {}, [](const TwoLayerOptions& o) { return NetworkInput{{o.latent}}; })},
                    {"discriminator", Blueprint::of<TwoLayerDiscriminator>(
                                          {}, [](const TwoLayerOptions& o) { return NetworkInput{o.picture()}; })}}});
}

}  // namespace example
