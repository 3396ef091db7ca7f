// The residual networks of SNGAN (Miyato et al. 2018, Miyato and Koyama 2018), cGAN-PD, SAGAN and WGAN-GP as in two
// collections of them, mimicry and MMGeneration (also MMagic): pictures of 32, 48, 64 and 128 pixels, with those
// systems' names of parameters and buffers, and the details in which they differ as options. BigGAN-PyTorch's versions
// are in biggan.h.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "duel/gan/models/residual_blocks.h"

namespace duel {

/// Whose names the parameters and buffers have.
enum class SnganSystem : std::uint8_t { mimicry, mmgen };

/// How weights start; all but the first are MMGeneration's init_cfg. Xavier's are uniform.
///   mimicry   Xavier with gain sqrt(2) in the blocks' 3 x 3 convolutions and 1 elsewhere, but for the attention
///   sngan     the same, with gain sqrt(2) in the attention too, and biases 0
///   sagan     Xavier, biases 0
///   biggan    Xavier, also for the norms' tables, which count from gain 1
///   studio    orthogonal, also for the norms' tables, which count from gain 1; biases 0
enum class SnganInit : std::uint8_t { mimicry, sngan, sagan, biggan, studio };

/// Defaults are mimicry's SNGAN at 32 pixels; for others see `sngan_configuration`.
struct SnganGeneratorOptions {
  SnganSystem system = SnganSystem::mimicry;
  std::int64_t resolution = 32;  ///< 32, 48, 64 or 128
  /// Feature maps at the bottom: mimicry's ngf, or MMGeneration's base_channels, 16 times that above 32 pixels. A
  /// multiple of 16 there.
  std::int64_t width = 256;
  std::int64_t channels = 3;         ///< of the pictures
  std::int64_t classes = 0;          ///< 0 for an unconditional network
  std::int64_t latent = 128;         ///< length of z
  std::int64_t attention_after = 0;  ///< which block, from 1; 0 for no attention
  Upsampling upsampling = Upsampling::bilinear;
  double norm_eps = 1e-5;
  SnganInit init = SnganInit::mimicry;
  /// Of all linear layers and convolutions, and of MMGeneration's tables for norms.
  SpectralNormOptions spectral{.variant = SpectralNormVariant::none};
};

struct SnganDiscriminatorOptions {
  SnganSystem system = SnganSystem::mimicry;
  std::int64_t resolution = 32;  ///< 32, 48, 64 or 128
  /// Feature maps at the end: mimicry's ndf, or MMGeneration's base_channels, 16 times that above 32 pixels. A multiple
  /// of 16 there.
  std::int64_t width = 128;
  std::int64_t channels = 3;         ///< of the pictures
  std::int64_t classes = 0;          ///< 0 for no projection
  std::int64_t attention_after = 0;  ///< which block, from 1; 0 for no attention
  BlockWidth block_width = BlockWidth::thin;
  ShortcutInput shortcut_input = ShortcutInput::activated;
  SnganInit init = SnganInit::mimicry;
  SpectralNormOptions spectral{.variant = SpectralNormVariant::torch};  ///< `none` for WGAN-GP
};

/// Batch norm, ordinary or with gain and bias from a class' row: of one table of both (mimicry), or two.
struct SnganNorm {
  SnganSystem system;
  GainTable gain_table;
  BatchNorm2d norm;
  std::vector<SpectralNorm<Embedding>> tables;

  SnganNorm(Rng& rng, std::int64_t channels, const SnganGeneratorOptions& options);
  /// x [N, C, H, W], labels int64 [N] -> the same shape as x
  Variable operator()(const Variable& x, const Tensor& labels, const Pass& pass, Rectifier r = {});
  void visit(Visitor& v);
};

struct SnganGenerator {
  using Options = SnganGeneratorOptions;
  Options options;
  SpectralNorm<Linear> linear;  // z -> 4 x 4 map (6 x 6 for 48 pixels)
  std::vector<GeneratorBlock<SnganNorm>> blocks;
  std::optional<SelfAttention> attention;
  BatchNorm2d output_norm;
  SpectralNorm<Conv2d> output;

  SnganGenerator(Rng& rng, const Options& options);
  /// z [N, latent], labels int64 [N] -> pictures [N, channels, resolution, resolution] in (-1, 1). Labels are left out
  /// without classes.
  Variable operator()(const Variable& z, const Tensor& labels = {}, const Pass& pass = {});
  void visit(Visitor& v);
};

/// linear(h), plus <embed(label), h> if there are classes, h being the sum of the last map over its pixels.
struct SnganDiscriminator {
  using Options = SnganDiscriminatorOptions;
  Options options;
  std::vector<DiscriminatorBlock> blocks;
  std::optional<SelfAttention> attention;
  SpectralNorm<Linear> linear;                   // width -> 1
  std::optional<SpectralNorm<Embedding>> embed;  // [classes, width]

  SnganDiscriminator(Rng& rng, const Options& options);
  /// pictures [N, channels, resolution, resolution], labels int64 [N] -> logits [N]. Labels are left out
  /// without classes.
  Variable operator()(const Variable& pictures, const Tensor& labels = {}, const Pass& pass = {});
  void visit(Visitor& v);
};

/// A pair of networks as its system publishes it.
struct SnganConfiguration {
  std::string name;
  SnganGeneratorOptions generator;
  SnganDiscriminatorOptions discriminator;
};
/// "mimicry-SNGAN-32" (48, 64, 128), "mimicry-WGAN-GP-32" (48, 64, 128), "mimicry-cGAN-PD-32" (128),
/// "mimicry-SAGAN-32" (128), "mmgen-SNGAN-32" (64, 128), "mmgen-SAGAN-32" (128). Those with classes have 10 of them at
/// 32 and 64 pixels, and 1000 at 128.
const std::vector<SnganConfiguration>& sngan_configurations();
/// Throws, naming the nearest one, for a name that there is not.
const SnganConfiguration& sngan_configuration(std::string_view name);

}  // namespace duel
