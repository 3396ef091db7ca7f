// BigGAN-deep (Brock, Donahue and Simonyan 2019, appendix B): blocks of four convolutions about a bottleneck, all of z
// beside the class in every block, and shortcuts without convolutions of their own. Pictures of 32, 64, 128, 256 and
// 512 pixels, as in BigGAN-PyTorch (BigGANdeep.py), TensorFlow Hub's published models and PyTorch-StudioGAN, with the
// names of parameters and buffers of the first and last. The networks of biggan.h have the options of the same names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "duel/gan/models/biggan_parts.h"

namespace duel {

/// What runs beside a block's convolutions.
///   resized     the input: a generator drops its last channels, a discriminator appends a 1 x 1 convolution of it
///   convolved   a 1 x 1 convolution of the input, in StudioGAN's later version (big_resnet_deep_studiogan). A
///               discriminator's is left out where neither size nor channels change; and its blocks halve before their
///               last ReLU, not after it
enum class BigganDeepShortcut : std::uint8_t { resized, convolved };
/// How the embedding y of the class and z are put together: y first in BigGAN-PyTorch and StudioGAN, z in the hub's.
enum class LatentOrder : std::uint8_t { after_class, before_class };

/// In brackets: the option's name in BigGANdeep.py. Defaults are those of its networks.
struct BigganDeepGeneratorOptions {
  BigganSystem system = BigganSystem::biggan_pytorch;
  BigganDeepShortcut shortcut = BigganDeepShortcut::resized;
  std::int64_t resolution = 128;                        ///< 32, 64, 128, 256 or 512
  std::int64_t width = 128;                             ///< [G_ch] all numbers of feature maps are multiples of it
  std::int64_t channels = 3;                            ///< of the pictures
  std::int64_t classes = 1000;                          ///< 1 or more
  std::int64_t latent = 128;                            ///< [dim_z]
  std::int64_t shared = 0;                              ///< [shared_dim] the embedding's size; 0 for that of z
  LatentOrder latent_order = LatentOrder::after_class;  ///< of what the first layer and all norms are given
  /// [G_attn] after which resolutions: "32_64"; "0": none. For StudioGAN [attn_g_loc] after which stages, from 1: "2".
  std::string attention = "64";
  std::int64_t depth = 2;         ///< [G_depth] blocks per resolution, of which the last upsamples
  std::string norm_style = "bn";  ///< "bn", "in", "gn", "gn_ch_8", "gn_grp_4", "nonorm"
  BigganStatistics statistics = BigganStatistics::torch;  ///< other ones for "bn" only
  double norm_eps = 1e-5;                                 ///< [BN_eps]
  double output_norm_eps = 1e-5;                          ///< of the output's norm; the option leaves it alone
  Nonlinearity nonlinearity = Nonlinearity::relu;         ///< [G_activation]
  /// Of the last convolution, the first of which are the picture's channels; 0 for no more than those. The hub: 128.
  std::int64_t output_maps = 0;
  WeightInit init = WeightInit::orthogonal;  ///< [G_init, skip_init]
  /// [SN_eps, num_G_SVs, num_G_SV_itrs]; variant `none` for no normalisation. The embedding is never normalised.
  SpectralNormOptions spectral{.variant = SpectralNormVariant::ajbrock};
};

struct BigganDeepDiscriminatorOptions {
  BigganSystem system = BigganSystem::biggan_pytorch;
  BigganDeepShortcut shortcut = BigganDeepShortcut::resized;
  std::int64_t resolution = 128;  ///< 32, 64, 128, 256 or 512 (which the original lacks; the paper's)
  std::int64_t width = 128;       ///< [D_ch]
  std::int64_t channels = 3;      ///< of the pictures
  std::int64_t classes = 1000;    ///< 1 or more
  /// [D_attn] after which resolutions: "32_64"; "0": none. For StudioGAN [attn_d_loc] after which stages, from 1: "1".
  std::string attention = "64";
  std::int64_t depth = 2;                             ///< [D_depth] blocks per resolution, of which the first halves
  ShortcutInput shortcut_input = ShortcutInput::raw;  ///< StudioGAN's ReLUs are in place: `activated`
  /// [D_activation]; BigGAN-PyTorch's blocks start with ReLU nevertheless.
  Nonlinearity nonlinearity = Nonlinearity::relu;
  WeightInit init = WeightInit::orthogonal;                        ///< [D_init, skip_init]
  ClassConditioning conditioning = ClassConditioning::projection;  ///< StudioGAN's [d_cond_mtd]
  AuxiliaryClassifier auxiliary = AuxiliaryClassifier::none;       ///< StudioGAN's [aux_cls_type]
  std::int64_t embedding = 512;                                    ///< StudioGAN's [d_embed_dim]
  /// [SN_eps, num_D_SVs, num_D_SV_itrs]; variant `none` for no normalisation. The embedding is normalised too.
  SpectralNormOptions spectral{.variant = SpectralNormVariant::ajbrock};
};

struct BigganDeepBlockOptions {
  std::int64_t in = 1, out = 1;  ///< channels
  Upsampling upsampling = Upsampling::none;
  Downsampling downsampling = Downsampling::none;
  BigganSystem system = BigganSystem::biggan_pytorch;
  BigganDeepShortcut shortcut = BigganDeepShortcut::resized;
  ShortcutInput shortcut_input = ShortcutInput::raw;
  Nonlinearity nonlinearity = Nonlinearity::relu;
  SpectralNormOptions spectral{};
};

/// norm, nonlinearity, 1 x 1, norm, nonlinearity, [upsampling,] 3 x 3, norm, nonlinearity, 3 x 3, norm, nonlinearity,
/// 1 x 1, plus the shortcut.
struct BigganDeepGeneratorBlock {
  BigganDeepBlockOptions options;
  std::vector<BigganConditionalNorm> norms;      // 4
  std::vector<SpectralNorm<Conv2d>> convs;       // 4: in -> in / 4 -> in / 4 -> in / 4 -> out
  std::optional<SpectralNorm<Conv2d>> shortcut;  // in -> out, if convolved

  BigganDeepGeneratorBlock(Rng& rng, const BigganDeepBlockOptions& options, std::int64_t condition,
                           const BigganNormOptions& norm);
  /// x [N, in, H, W] -> [N, out, H, W], or [N, out, 2 H, 2 W]
  Variable operator()(const Variable& x, const BigganCondition& y, const Pass& pass);
  void visit(Visitor& v);
};

/// ReLU, 1 x 1, nonlinearity, 3 x 3, nonlinearity, 3 x 3, nonlinearity, [2 x 2 means,] 1 x 1, plus the shortcut.
struct BigganDeepDiscriminatorBlock {
  BigganDeepBlockOptions options;
  std::vector<SpectralNorm<Conv2d>> convs;       // 4: in -> out / 4 -> out / 4 -> out / 4 -> out
  std::optional<SpectralNorm<Conv2d>> shortcut;  // in -> out - in, or in -> out if convolved

  BigganDeepDiscriminatorBlock(Rng& rng, const BigganDeepBlockOptions& options);
  /// x [N, in, H, W] -> [N, out, H, W] or [N, out, H / 2, W / 2]
  Variable operator()(const Variable& x, const Pass& pass);
  void visit(Visitor& v);

 private:
  Variable beside(const Variable& x, const Pass& pass);
};

/// Latents to pictures in (-1, 1).
struct BigganDeepGenerator {
  using Options = BigganDeepGeneratorOptions;
  Options options;              // with the shared embedding's and the last convolution's actual sizes
  Embedding shared;             // [classes, options.shared]
  SpectralNorm<Linear> linear;  // options.shared + latent -> 4 x 4 map
  std::vector<BigganStage<BigganDeepGeneratorBlock>> blocks;
  BigganOutput output;

  BigganDeepGenerator(Rng& rng, const Options& options);
  /// z [N, latent], labels int64 [N] -> [N, channels, resolution, resolution]
  Variable operator()(const Variable& z, const Tensor& labels, const Pass& pass = {});
  /// The same for given embeddings [N, options.shared], mixtures of classes say.
  Variable from_embedding(const Variable& z, const Variable& embedded, const Pass& pass = {});
  void visit(Visitor& v);
};

/// A projection discriminator, linear(h) + <embed(label), h>, h being the sum of the last map over its pixels; or one
/// conditioned in another way.
struct BigganDeepDiscriminator {
  using Options = BigganDeepDiscriminatorOptions;
  Options options;
  SpectralNorm<Conv2d> input;  // 3 x 3, from the pictures
  std::vector<BigganStage<BigganDeepDiscriminatorBlock>> blocks;
  ClassHead head;

  BigganDeepDiscriminator(Rng& rng, const Options& options);
  /// As those of BigganDiscriminator.
  Variable operator()(const Variable& pictures, const Tensor& labels, const Pass& pass = {});
  ClassJudgement judge(const Variable& pictures, const Tensor& labels, PictureOrigin origin, const Pass& pass = {});
  Variable features(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);
};

/// A published pair of networks.
struct BigganDeepConfiguration {
  std::string_view name;
  BigganDeepGeneratorOptions generator;
  BigganDeepDiscriminatorOptions discriminator;
};
/// "BigGAN-deep-I128", "BigGAN-deep-I256", "BigGAN-deep-I512" (ImageNet, as on TensorFlow Hub);
/// "StudioGAN-BigGAN-Deep-C10", "StudioGAN-BigGAN-Deep-StudioGAN-C10", whose shortcuts are convolved.
const std::vector<BigganDeepConfiguration>& biggan_deep_configurations();
/// Throws, naming the nearest one, for a name that there is not.
const BigganDeepConfiguration& biggan_deep_configuration(std::string_view name);

}  // namespace duel
