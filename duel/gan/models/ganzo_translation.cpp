#include "duel/gan/models/ganzo_translation.h"

namespace duel {
namespace {

constexpr Conv2dOptions kHalving{.kernel = 4, .stride = 2, .padding = 1};
constexpr ConvTranspose2dOptions kDoubling{.kernel = 4, .stride = 2, .padding = 1};

const GanzoUGeneratorOptions& checked(const GanzoUGeneratorOptions& o) {
  check(o.in_channels >= 1 && o.out_channels >= 1 && o.width >= 1, "GanzoUGenerator",
        "channels and width must be positive");
  check(o.layers >= 1 && o.layers <= 16, "GanzoUGenerator", "needs 1 to 16 layers, got ", o.layers);
  return o;
}

}  // namespace

GanzoUGenerator::GanzoUGenerator(Rng& rng, const Options& o)
    : options(checked(o)),
      conv_in(rng, o.in_channels, o.width, kHalving),
      deconv_out(rng, 2 * o.width, o.out_channels, kDoubling) {
  for (std::int64_t i = 0; i < o.layers; ++i) {
    const std::int64_t width = o.width << i;
    convs.emplace_back(rng, width, 2 * width, kHalving);
    bns.emplace_back(2 * width);
    deconvs.emplace_back(rng, 4 * width, width, kDoubling);
    debns.emplace_back(width);
  }
}

Variable GanzoUGenerator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures("GanzoUGenerator", pictures, options.in_channels);
  check_halves("GanzoUGenerator", pictures, options.layers + 1);
  const Variable first = conv_in(pictures);
  Variables down;
  Variable x = first;
  for (std::size_t i = 0; i < convs.size(); ++i) {
    x = convs[i](leaky_relu(x, 0.2));
    if (i + 1 < convs.size()) x = bns[i](x, pass);
    down.push_back(x);
  }
  for (std::size_t i = convs.size(); i-- > 0;) x = debns[i](deconvs[i](relu(concat({x, down[i]}, 1))), pass);
  return tanh(deconv_out(relu(concat({x, first}, 1))));
}

void GanzoUGenerator::visit(Visitor& v) {
  v.child("conv_in", conv_in);
  for (std::size_t i = 0; i < convs.size(); ++i) {
    v.child(cat("conv_", i), convs[i]);
    v.child(cat("bn_", i), bns[i]);
    v.child(cat("deconv_", i), deconvs[i]);
    v.child(cat("debn_", i), debns[i]);
  }
  v.child("deconv_out", deconv_out);
}

GanzoPatchDiscriminator::GanzoPatchDiscriminator(Rng& rng, const Options& o) : options(o) {
  check(o.in_channels >= 1 && o.width >= 1, "GanzoPatchDiscriminator", "channels and width must be positive");
  check(o.scores == Scores::probabilities, "GanzoPatchDiscriminator",
        "its means over patches are of probabilities, of which there are no logits: scores must be probabilities");
  convs.emplace_back(rng, o.in_channels, o.width, kHalving);
  for (std::int64_t width = o.width; width < 8 * o.width; width *= 2) {
    convs.emplace_back(rng, width, 2 * width, kHalving);
    norms.emplace_back(2 * width);
  }
  convs.emplace_back(rng, 8 * o.width, 1, Conv2dOptions{.kernel = 4});
}

Variable GanzoPatchDiscriminator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures("GanzoPatchDiscriminator", pictures, options.in_channels);
  check(pictures.size(2) >= 64 && pictures.size(3) >= 64, "GanzoPatchDiscriminator",
        "needs pictures of 64 x 64 at least, got ", pictures.size(2), " x ", pictures.size(3));
  Variable x = convs[0](pictures, Rectifier{0.2});
  for (std::size_t i = 0; i < norms.size(); ++i) x = norms[i](convs[i + 1](x), pass, Rectifier{0.2});
  return mean(flatten(sigmoid(convs.back()(x))), {1});
}

void GanzoPatchDiscriminator::visit(Visitor& v) {
  for (std::size_t i = 0; i < convs.size(); ++i) {
    v.child(cat("conv", i + 1), convs[i]);
    if (i >= 1 && i <= norms.size()) v.child(cat("batch_norm", i + 1), norms[i - 1]);
  }
}

}  // namespace duel
