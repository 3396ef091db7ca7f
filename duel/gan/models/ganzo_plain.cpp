#include "duel/gan/models/ganzo_plain.h"

namespace duel {
namespace {

const GanzoFcOptions& checked(const char* network, const GanzoFcOptions& o) {
  check(o.size >= 1 && o.latent >= 1, network, "size and latent must be positive");
  check(o.layers >= 1 && o.layers <= 16, network, "needs 1 to 16 layers, got ", o.layers);
  check(o.dropout >= 0 && o.dropout < 1, network, "dropout must lie in [0, 1), got ", o.dropout);
  return o;
}

const GanzoConvOptions& checked(const char* network, const GanzoConvOptions& o) {
  check(o.channels >= 1 && o.latent >= 1 && o.discriminator_width >= 1, network,
        "channels, latent and widths must be positive");
  check(o.layers >= 2 && o.layers <= 16, network, "needs 2 to 16 layers, got ", o.layers);
  check(o.generator_width >= 1 && o.generator_width % (std::int64_t{1} << (o.layers - 2)) == 0, network, "the width ",
        o.generator_width, " does not halve evenly ", o.layers - 2, " times");
  check(o.dropout >= 0 && o.dropout < 1, network, "dropout must lie in [0, 1), got ", o.dropout);
  return o;
}

Variable dropped(const Variable& x, double p, const Pass& pass) { return p > 0 ? Dropout{p}(x, pass) : x; }

// Linear layers with leaky ReLUs in between.
Variable chain(const std::vector<Linear>& linear, Variable x, double dropout, const Pass& pass) {
  for (std::size_t i = 0; i + 1 < linear.size(); ++i) x = dropped(leaky_relu(linear[i](x), 0.2), dropout, pass);
  return linear.back()(x);
}

void visit_chain(Visitor& v, std::vector<Linear>& linear) {
  for (std::size_t i = 0; i < linear.size(); ++i) v.child(cat("linear_", i), linear[i]);
}

template <class Convolutions>
void visit_convs(Visitor& v, Convolutions& convs, std::vector<BatchNorm2d>& norms) {
  for (std::size_t i = 0; i < convs.size(); ++i) {
    v.child(cat("conv_", i), convs[i]);
    if (i < norms.size()) v.child(cat("batch_norm_", i), norms[i]);
  }
}

}  // namespace

GanzoFcGenerator::GanzoFcGenerator(Rng& rng, const Options& o) : options(checked("GanzoFcGenerator", o)) {
  std::int64_t width = o.latent;
  for (std::int64_t i = 1; i < o.layers; ++i, width *= 2) linear.emplace_back(rng, width, 2 * width);
  linear.emplace_back(rng, width, o.size * o.size);
}

Variable GanzoFcGenerator::operator()(const Variable& z, const Pass& pass) {
  check_latents("GanzoFcGenerator", z, options.latent);
  return reshape(tanh(chain(linear, z, options.dropout, pass)), {z.size(0), 1, options.size, options.size});
}

void GanzoFcGenerator::visit(Visitor& v) { visit_chain(v, linear); }

GanzoFcDiscriminator::GanzoFcDiscriminator(Rng& rng, const Options& o) : options(checked("GanzoFcDiscriminator", o)) {
  std::int64_t in = o.size * o.size;
  for (std::int64_t i = o.layers - 1; i > 0; --i) {
    const std::int64_t out = o.latent << i;
    linear.emplace_back(rng, in, out);
    in = out;
  }
  linear.emplace_back(rng, in, 1);
}

Variable GanzoFcDiscriminator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures("GanzoFcDiscriminator", pictures, 1, {options.size, options.size});
  return scores_of(flatten(chain(linear, flatten(pictures), options.dropout, pass), 0), options.scores);
}

void GanzoFcDiscriminator::visit(Visitor& v) { visit_chain(v, linear); }

GanzoConvGenerator::GanzoConvGenerator(Rng& rng, const Options& o) : options(checked("GanzoConvGenerator", o)) {
  std::int64_t width = o.generator_width;
  convs.emplace_back(rng, o.latent, width, ConvTranspose2dOptions{.kernel = 4});
  norms.emplace_back(width);
  const ConvTranspose2dOptions doubling{.kernel = 4, .stride = 2, .padding = 1};
  for (std::int64_t i = 2; i < o.layers; ++i, width /= 2) {
    convs.emplace_back(rng, width, width / 2, doubling);
    norms.emplace_back(width / 2);
  }
  convs.emplace_back(rng, width, o.channels, doubling);
}

Variable GanzoConvGenerator::operator()(const Variable& z, const Pass& pass) {
  check_latents("GanzoConvGenerator", z, options.latent);
  Variable x = reshape(z, {z.size(0), options.latent, 1, 1});
  for (std::size_t i = 0; i < norms.size(); ++i)
    x = dropped(norms[i](convs[i](x), pass, Rectifier{0}), options.dropout, pass);
  return tanh(convs.back()(x));
}

void GanzoConvGenerator::visit(Visitor& v) { visit_convs(v, convs, norms); }

GanzoConvDiscriminator::GanzoConvDiscriminator(Rng& rng, const Options& o)
    : options(checked("GanzoConvDiscriminator", o)) {
  std::int64_t in = o.channels, out = o.discriminator_width;
  for (std::int64_t i = 1; i < o.layers; ++i, in = out, out *= 2) {
    convs.emplace_back(rng, in, out, Conv2dOptions{.kernel = 4, .stride = 2, .padding = 1});
    norms.emplace_back(out);
  }
  convs.emplace_back(rng, in, 1, Conv2dOptions{.kernel = 4});
}

Variable GanzoConvDiscriminator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures("GanzoConvDiscriminator", pictures, options.channels, {options.size(), options.size()});
  Variable x = pictures;
  for (std::size_t i = 0; i < norms.size(); ++i)
    x = dropped(norms[i](convs[i](x), pass, Rectifier{0.2}), options.dropout, pass);
  return scores_of(flatten(convs.back()(x), 0), options.scores);
}

void GanzoConvDiscriminator::visit(Visitor& v) { visit_convs(v, convs, norms); }

}  // namespace duel
