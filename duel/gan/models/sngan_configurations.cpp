// The networks as mimicry, MMGeneration and PyTorch-StudioGAN publish them.
#include "duel/gan/models/sngan.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

std::int64_t published_classes(std::int64_t resolution) { return resolution == 128 ? 1000 : 10; }

// mimicry's SNGAN, on which its others are variations.
SnganConfiguration mimicry(std::string_view name, std::int64_t resolution) {
  const std::int64_t width = resolution == 32 ? 256 : resolution == 48 ? 512 : 1024;
  return {.name = cat("mimicry-", name, "-", resolution),
          .generator = {.resolution = resolution, .width = width},
          .discriminator = {.resolution = resolution, .width = resolution == 32 ? 128 : 1024}};
}

SnganConfiguration mimicry_conditional(std::string_view name, std::int64_t resolution) {
  SnganConfiguration c = mimicry(name, resolution);
  c.generator.classes = c.discriminator.classes = published_classes(resolution);
  return c;
}

SnganConfiguration mmgen(std::string_view name, std::int64_t resolution) {
  const std::int64_t classes = published_classes(resolution), width = resolution == 32 ? 256 : 1024;
  return {.name = cat("mmgen-", name, "-", resolution),
          .generator = {.system = SnganSystem::mmgen,
                        .resolution = resolution,
                        .width = width,
                        .classes = classes,
                        .upsampling = Upsampling::nearest,
                        .norm_eps = 1e-4,
                        .init = SnganInit::studio},
          .discriminator = {.system = SnganSystem::mmgen,
                            .resolution = resolution,
                            .width = resolution == 32 ? 128 : 1024,
                            .classes = classes,
                            .block_width = BlockWidth::wide,
                            .shortcut_input = ShortcutInput::raw,
                            .init = SnganInit::studio}};
}

// StudioGAN's SNGAN.
SnganConfiguration studiogan(std::string_view name, std::int64_t resolution) {
  const std::int64_t classes = published_classes(resolution);
  return {.name = cat("StudioGAN-", name, resolution == 32 ? "-C10" : "-I128"),
          .generator = {.system = SnganSystem::studiogan,
                        .resolution = resolution,
                        .width = resolution == 32 ? 256 : 1024,
                        .classes = classes,
                        .upsampling = Upsampling::nearest,
                        .norm_eps = 1e-4,
                        .init = SnganInit::studio},
          .discriminator = {.system = SnganSystem::studiogan,
                            .resolution = resolution,
                            .width = resolution == 32 ? 128 : 1024,
                            .classes = classes,
                            .block_width = BlockWidth::wide,
                            .init = SnganInit::studio,
                            .spectral = {.variant = SpectralNormVariant::torch, .eps = 1e-6}}};
}

void add_studiogan(std::vector<SnganConfiguration>& all) {
  all.push_back(studiogan("PD-GAN", 32));
  all.back().discriminator.shortcut_input = ShortcutInput::raw;
  all.back().discriminator.spectral.variant = SpectralNormVariant::none;
  all.push_back(all.back());
  all.back().name = "StudioGAN-WGAN-GP-C10";
  all.back().generator.classes = all.back().discriminator.classes = 0;
  for (std::int64_t resolution : {32, 128}) {
    all.push_back(studiogan("SNGAN", resolution));
    all.push_back(studiogan("SAGAN", resolution));
    all.back().generator.spectral = all.back().discriminator.spectral;
    all.back().generator.attention_after = resolution == 32 ? 2 : 4;
    all.back().discriminator.attention_after = 1;
  }
}

std::vector<SnganConfiguration> all_configurations() {
  constexpr SpectralNormOptions kTorch{.variant = SpectralNormVariant::torch};
  std::vector<SnganConfiguration> all;
  for (std::int64_t resolution : {32, 48, 64, 128}) {
    all.push_back(mimicry("SNGAN", resolution));
    all.push_back(mimicry("WGAN-GP", resolution));
    all.back().generator.init = all.back().discriminator.init = SnganInit::mimicry_wgan_gp;
    all.back().discriminator.spectral.variant = SpectralNormVariant::none;
    all.back().discriminator.pooling = FeaturePooling::mean;
    all.push_back(mimicry("SSGAN", resolution));
    all.back().discriminator.self_supervision = SelfSupervision::rotation;
    all.push_back(mimicry("InfoMax", resolution));
    all.back().discriminator.self_supervision = SelfSupervision::infomax;
  }
  for (std::int64_t resolution : {32, 128}) {
    all.push_back(mimicry_conditional("cGAN-PD", resolution));
    all.push_back(mimicry_conditional("SAGAN", resolution));
    all.back().generator.spectral = kTorch;
    all.back().generator.attention_after = resolution == 32 ? 2 : 3;
    all.back().discriminator.attention_after = 2;
  }
  for (std::int64_t resolution : {32, 64, 128}) all.push_back(mmgen("SNGAN", resolution));
  for (std::int64_t resolution : {32, 128}) {
    all.push_back(mmgen("SAGAN", resolution));
    all.back().generator.spectral = kTorch;
    all.back().generator.attention_after = resolution == 32 ? 2 : 4;
    all.back().discriminator.attention_after = 1;
  }
  add_studiogan(all);
  return all;
}

}  // namespace

const std::vector<SnganConfiguration>& sngan_configurations() {
  static const std::vector<SnganConfiguration> all = all_configurations();
  return all;
}

const SnganConfiguration& sngan_configuration(std::string_view name) {
  std::vector<std::string> names;
  for (const SnganConfiguration& c : sngan_configurations()) {
    if (c.name == name) return c;
    names.push_back(c.name);
  }
  fail("sngan_configuration", "there is no configuration '", name, "'", nearest(name, names));
}

}  // namespace duel
