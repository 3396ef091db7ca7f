#include "duel/gan/models/patch_discriminator.h"

#include "duel/gan/models/inputs.h"

namespace duel {

PatchDiscriminator::PatchDiscriminator(Rng& rng, const Options& o) : options(o) {
  check(o.in_channels >= 1 && o.width >= 1, "PatchDiscriminator", "channels and width must be positive");
  check(o.halvings >= 1 && o.halvings <= 16, "PatchDiscriminator", "needs 1 to 16 halvings, got ", o.halvings);
  auto& layers = model.layers;
  layers.emplace_back(Conv2d(rng, o.in_channels, o.width, {.kernel = 4, .stride = 2, .padding = 1}));
  layers.emplace_back(LeakyReLU{0.2});
  std::int64_t channels = o.width;
  for (std::int64_t n = 1; n <= o.halvings; ++n) {
    const std::int64_t next = o.width * std::min<std::int64_t>(8, std::int64_t{1} << n);
    layers.emplace_back(
        Conv2d(rng, channels, next,
               {.kernel = 4, .stride = n < o.halvings ? 2 : 1, .padding = 1, .bias = bias_before(o.norm)}));
    layers.push_back(translation_norm(o.norm, next));
    layers.emplace_back(LeakyReLU{0.2});
    channels = next;
  }
  layers.emplace_back(Conv2d(rng, channels, 1, {.kernel = 4, .padding = 1}));
  initialize_weights(rng, *this, o.init);
}

Size2 PatchDiscriminator::map_size(Size2 pictures) const {
  const std::int64_t least = std::int64_t{3} << options.halvings;  // two convolutions take a row and a column each
  check(pictures.h >= least && pictures.w >= least, "PatchDiscriminator", "needs pictures of ", least, " x ", least,
        " at least for ", options.halvings, " halvings, got ", pictures.h, " x ", pictures.w);
  return {(pictures.h >> options.halvings) - 2, (pictures.w >> options.halvings) - 2};
}

Variable PatchDiscriminator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures("PatchDiscriminator", pictures, options.in_channels);
  map_size({pictures.size(2), pictures.size(3)});
  return model(pictures, pass);
}

PixelDiscriminator::PixelDiscriminator(Rng& rng, const Options& o) : options(o) {
  check(o.in_channels >= 1 && o.width >= 1, "PixelDiscriminator", "channels and width must be positive");
  const Bias bias = bias_before(o.norm);
  auto& layers = net.layers;
  layers.emplace_back(Conv2d(rng, o.in_channels, o.width, {.kernel = 1}));
  layers.emplace_back(LeakyReLU{0.2});
  layers.emplace_back(Conv2d(rng, o.width, 2 * o.width, {.kernel = 1, .bias = bias}));
  layers.push_back(translation_norm(o.norm, 2 * o.width));
  layers.emplace_back(LeakyReLU{0.2});
  layers.emplace_back(Conv2d(rng, 2 * o.width, 1, {.kernel = 1, .bias = bias}));
  initialize_weights(rng, *this, o.init);
}

Variable PixelDiscriminator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures("PixelDiscriminator", pictures, options.in_channels);
  return net(pictures, pass);
}

}  // namespace duel
