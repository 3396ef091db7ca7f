#include "duel/gan/models/cyclegan_generator.h"

#include "duel/gan/models/inputs.h"

namespace duel {
namespace {

const char* const kName = "CycleganGenerator";

using Options = CycleganGeneratorOptions;

const Options& checked(const Options& o) {
  check(o.in_channels >= 1 && o.out_channels >= 1 && o.width >= 1, kName, "channels and width must be positive");
  check(o.blocks >= 0 && o.halvings >= 0 && o.halvings <= 16, kName, "blocks and halvings (at most 16) must not be ",
        "negative, got ", o.blocks, " and ", o.halvings);
  check(o.dropout >= 0 && o.dropout < 1, kName, "dropout must lie in [0, 1), got ", o.dropout);
  return o;
}

struct ResidualBlock {
  Sequential conv_block;

  ResidualBlock(Rng& rng, const Options& o, std::int64_t channels) {
    add_convolution(rng, o, channels);
    conv_block.layers.emplace_back(ReLU{});
    if (o.dropout > 0) conv_block.layers.emplace_back(Dropout{o.dropout});
    add_convolution(rng, o, channels);
  }
  // Padding is a layer of its own, and so has a place in the names, unless it is zeros.
  void add_convolution(Rng& rng, const Options& o, std::int64_t channels) {
    auto& layers = conv_block.layers;
    if (o.padding == PadMode::reflect) layers.emplace_back(ReflectionPad2d{1});
    if (o.padding == PadMode::replicate) layers.emplace_back(ReplicationPad2d{1});
    layers.emplace_back(
        Conv2d(rng, channels, channels, {.padding = o.padding == PadMode::zeros ? 1 : 0, .bias = bias_before(o.norm)}));
    layers.push_back(translation_norm(o.norm, channels));
  }
  Variable operator()(const Variable& x, const Pass& pass) { return x + conv_block(x, pass); }
  void visit(Visitor& v) { v.child("conv_block", conv_block); }
};

}  // namespace

CycleganGenerator::CycleganGenerator(Rng& rng, const Options& o) : options(checked(o)) {
  auto& layers = model.layers;
  const Bias bias = bias_before(o.norm);
  const auto activated = [&](Layer convolution, std::int64_t channels) {
    layers.push_back(std::move(convolution));
    layers.push_back(translation_norm(o.norm, channels));
    layers.emplace_back(ReLU{});
  };
  layers.emplace_back(ReflectionPad2d{3});
  activated(Conv2d(rng, o.in_channels, o.width, {.kernel = 7, .bias = bias}), o.width);
  std::int64_t channels = o.width;
  for (std::int64_t i = 0; i < o.halvings; ++i, channels *= 2)
    activated(Conv2d(rng, channels, 2 * channels, {.stride = 2, .padding = 1, .bias = bias}), 2 * channels);
  for (std::int64_t i = 0; i < o.blocks; ++i) layers.emplace_back(ResidualBlock(rng, o, channels));
  for (std::int64_t i = 0; i < o.halvings; ++i, channels /= 2)
    activated(
        ConvTranspose2d(rng, channels, channels / 2, {.stride = 2, .padding = 1, .output_padding = 1, .bias = bias}),
        channels / 2);
  layers.emplace_back(ReflectionPad2d{3});
  layers.emplace_back(Conv2d(rng, o.width, o.out_channels, {.kernel = 7}));
  layers.emplace_back(Tanh{});
  initialize_weights(rng, *this, o.init);
}

Variable CycleganGenerator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures(kName, pictures, options.in_channels);
  check_halves(kName, pictures, options.halvings);
  const bool reflected = options.blocks > 0 && options.padding == PadMode::reflect;
  const std::int64_t least = std::max<std::int64_t>(4, reflected ? std::int64_t{2} << options.halvings : 1);
  check(pictures.size(2) >= least && pictures.size(3) >= least, kName, "reflects its borders and so needs pictures of ",
        least, " x ", least, " at least, got ", pictures.size(2), " x ", pictures.size(3));
  return model(pictures, pass);
}

}  // namespace duel
