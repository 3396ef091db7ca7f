// The residual networks of SNGAN (Miyato et al. 2018, Miyato and Koyama 2018), cGAN-PD, SAGAN, SSGAN, InfoMax-GAN and
// WGAN-GP as in three collections of them, mimicry, MMGeneration (also MMagic) and PyTorch-StudioGAN: pictures of 32 to
// 512 pixels, with those systems' names of parameters and buffers, and the details in which they differ as options.
// BigGAN-PyTorch's versions are in biggan.h.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "duel/gan/models/residual_blocks.h"

namespace duel {

/// Whose names the parameters and buffers have.
///   mimicry     32, 48, 64 and 128 pixels
///   mmgen       MMGeneration, the same sizes
///   studiogan   PyTorch-StudioGAN's `resnet`, 32, 64, 128, 256 and 512 pixels. A discriminator without spectral norm
///               has batch norms, and shortcuts that are not rectified
enum class SnganSystem : std::uint8_t { mimicry, mmgen, studiogan };

/// How weights start; sngan to studio are MMGeneration's init_cfg, and studio is StudioGAN's. Xavier's are uniform.
///   mimicry           Xavier with gain sqrt(2) in the blocks' 3 x 3 convolutions, 1 elsewhere, but for the attention
///   mimicry_wgan_gp   the same in the blocks' 3 x 3 convolutions and linear layers; shortcuts and the generator's last
///                     convolution start as PyTorch's layers do
///   sngan             as mimicry, with gain sqrt(2) in the attention too, and biases 0
///   sagan             Xavier, biases 0
///   biggan            Xavier, also for the norms' tables, which count from gain 1
///   studio            orthogonal, also for the norms' tables, which count from gain 1; biases 0
enum class SnganInit : std::uint8_t { mimicry, mimicry_wgan_gp, sngan, sagan, biggan, studio };

/// What a discriminator learns from the pictures alone, beside real and fake (see class_losses.h):
///   rotation   SSGAN: by how many quarter turns they have been rotated
///   infomax    InfoMax-GAN: which of their local features belong to which of the global ones
enum class SelfSupervision : std::uint8_t { none, rotation, infomax };

/// What makes a discriminator's features from its last map: the sum over the pixels, or their mean (mimicry's WGAN-GP).
enum class FeaturePooling : std::uint8_t { sum, mean };

/// Defaults are mimicry's SNGAN at 32 pixels; for others see `sngan_configuration`.
struct SnganGeneratorOptions {
  SnganSystem system = SnganSystem::mimicry;
  std::int64_t resolution = 32;  ///< of those that the system has
  /// Feature maps at the bottom: mimicry's ngf; MMGeneration's base_channels, 16 times that above 32 pixels;
  /// StudioGAN's g_conv_dim 4 times, 16 times above 32 pixels. A multiple of 16 there.
  std::int64_t width = 256;
  std::int64_t channels = 3;         ///< of the pictures
  std::int64_t classes = 0;          ///< 0 for an unconditional network
  std::int64_t latent = 128;         ///< length of z
  std::int64_t attention_after = 0;  ///< which block, from 1; 0 for no attention
  Upsampling upsampling = Upsampling::bilinear;
  double norm_eps = 1e-5;
  SnganInit init = SnganInit::mimicry;
  /// Of all linear layers and convolutions, and of MMGeneration's and StudioGAN's tables for norms.
  SpectralNormOptions spectral{.variant = SpectralNormVariant::none};
};

struct SnganDiscriminatorOptions {
  SnganSystem system = SnganSystem::mimicry;
  std::int64_t resolution = 32;  ///< of those that the system has
  /// Feature maps at the end: mimicry's ndf; MMGeneration's base_channels, 16 times that above 32 pixels; StudioGAN's
  /// d_conv_dim twice, 16 times above 32 pixels. A multiple of 16 there.
  std::int64_t width = 128;
  std::int64_t channels = 3;         ///< of the pictures
  std::int64_t classes = 0;          ///< 0 for no projection
  std::int64_t attention_after = 0;  ///< which block, from 1; 0 for no attention
  BlockWidth block_width = BlockWidth::thin;
  ShortcutInput shortcut_input = ShortcutInput::activated;
  FeaturePooling pooling = FeaturePooling::sum;
  /// Others for mimicry only; `rotation` without classes, `infomax` without attention.
  SelfSupervision self_supervision = SelfSupervision::none;
  std::int64_t projection = 1024;  ///< features that `infomax` compares: mimicry's nrkhs
  double norm_eps = 1e-4;          ///< of StudioGAN's batch norms
  SnganInit init = SnganInit::mimicry;
  SpectralNormOptions spectral{.variant = SpectralNormVariant::torch};  ///< `none` for WGAN-GP
};

/// Batch norm, ordinary or with gain and bias from a class' row: of one table of both (mimicry), or two. StudioGAN's
/// tables are the weights [C, classes] of linear layers, which are given the class as a one-hot vector.
struct SnganNorm {
  SnganSystem system;
  GainTable gain_table;
  BatchNorm2d norm;
  std::vector<SpectralNorm<Embedding>> tables;
  std::vector<SpectralNorm<Linear>> transposed_tables;

  SnganNorm(Rng& rng, std::int64_t channels, const SnganGeneratorOptions& options);
  /// x [N, C, H, W], labels int64 [N] -> the same shape as x
  Variable operator()(const Variable& x, const Tensor& labels, const Pass& pass, Rectifier r = {});
  void visit(Visitor& v);

 private:
  std::pair<Variable, Variable> rows(const Tensor& labels, const Pass& pass);
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

/// b(ReLU(a(x))) + shortcut(x): features to the space in which InfoMax-GAN compares them.
template <class Layer>
struct InfoMaxProjection {
  SpectralNorm<Layer> a, b, shortcut;  // features -> features -> projection, features -> projection

  Variable operator()(const Variable& x, const Pass& pass) {
    const Variable beside = shortcut(x, pass);
    return b(relu(a(x, pass)), pass) + beside;
  }
  /// Names start with `name`.
  void visit(Visitor& v, const std::string& name) {
    v.child(name + "_a", a);
    v.child(name + "_b", b);
    v.child(name + "_sc", shortcut);
  }
};

/// What a discriminator says of N pictures; undefined is what it does not learn.
struct SnganJudgement {
  Variable logits{};           ///< [N]
  Variable features{};         ///< [N, width]
  Variable rotations{};        ///< [N, 4]: of quarter turns
  Variable local{}, global{};  ///< [N, projection, H, W], of the map that the last block is given, and [N, projection]
};

/// linear(h), plus <embed(label), h> if there are classes, h being the last map pooled over its pixels.
struct SnganDiscriminator {
  using Options = SnganDiscriminatorOptions;
  Options options;
  std::vector<DiscriminatorBlock> blocks;
  std::optional<SelfAttention> attention;
  SpectralNorm<Linear> linear;                     // width -> 1
  std::optional<SpectralNorm<Embedding>> embed;    // [classes, width]
  std::optional<SpectralNorm<Linear>> rotation;    // width -> 4
  std::optional<InfoMaxProjection<Conv2d>> local;  // 1 x 1
  std::optional<InfoMaxProjection<Linear>> global;

  SnganDiscriminator(Rng& rng, const Options& options);
  /// pictures [N, channels, resolution, resolution], labels int64 [N] -> logits [N]. Labels are left out
  /// without classes.
  Variable operator()(const Variable& pictures, const Tensor& labels = {}, const Pass& pass = {});
  /// The same with all else that losses of self-supervision need.
  SnganJudgement judge(const Variable& pictures, const Tensor& labels = {}, const Pass& pass = {});
  /// h [N, width]
  Variable features(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);

 private:
  struct Maps;
  Maps maps(const Variable& pictures, const Pass& pass);
  Variable pooled_features(const Variable& last) const;
  Variable logits(const Variable& h, const Tensor& labels, const Pass& pass);
};

/// A pair of networks as its system publishes it.
struct SnganConfiguration {
  std::string name;
  SnganGeneratorOptions generator;
  SnganDiscriminatorOptions discriminator;
};
/// "mimicry-SNGAN-32" (48, 64, 128), "mimicry-WGAN-GP-32" (48, 64, 128), "mimicry-SSGAN-32" (48, 64, 128),
/// "mimicry-InfoMax-32" (48, 64, 128), "mimicry-cGAN-PD-32" (128), "mimicry-SAGAN-32" (128), "mmgen-SNGAN-32" (64,
/// 128), "mmgen-SAGAN-32" (128). Those with classes have 10 of them at 32 and 64 pixels, and 1000 at 128.
/// For CIFAR10 and ImageNet at 128 pixels: "StudioGAN-WGAN-GP-C10", "StudioGAN-PD-GAN-C10", "StudioGAN-SNGAN-C10",
/// "StudioGAN-SAGAN-C10", "StudioGAN-SNGAN-I128" and "StudioGAN-SAGAN-I128".
const std::vector<SnganConfiguration>& sngan_configurations();
/// Throws, naming the nearest one, for a name that there is not.
const SnganConfiguration& sngan_configuration(std::string_view name);

}  // namespace duel
