// BigGAN (Brock, Donahue and Simonyan 2019) as in its authors' PyTorch program, BigGAN-PyTorch: pictures of 32, 64,
// 128, 256 and 512 pixels, with the options of its command line that concern the networks, and its names of parameters
// and buffers. Its SNGAN and SAGAN are configurations of the same networks: see `biggan_configuration`. So is BigGAN as
// in PyTorch-StudioGAN, with that one's names, whose ReLUs in place change what a discriminator's shortcuts see.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "duel/gan/models/biggan_parts.h"

namespace duel {

/// Whether z enters at the bottom alone, or in equal parts at the bottom and in each block (with a shared embedding).
enum class LatentUse : std::uint8_t { bottom, hierarchical };

/// In brackets: the option's name on BigGAN-PyTorch's command line. Defaults are that command line's.
struct BigganGeneratorOptions {
  BigganSystem system = BigganSystem::biggan_pytorch;   ///< StudioGAN's has a shared embedding, hierarchical z
  std::int64_t resolution = 128;                        ///< 32, 64, 128, 256 or 512
  std::int64_t width = 64;                              ///< [G_ch] all numbers of feature maps are multiples of it
  std::int64_t channels = 3;                            ///< of the pictures
  std::int64_t classes = 1000;                          ///< 1 or more
  std::int64_t latent = 128;                            ///< [dim_z]; rounded down to equal parts if hierarchical
  ClassEmbedding embedding = ClassEmbedding::per_norm;  ///< [G_shared]
  std::int64_t shared = 0;                              ///< [shared_dim] its size; 0 for that of z
  LatentUse latent_use = LatentUse::bottom;             ///< [hier]
  /// [G_attn] after which resolutions: "32_64"; "0": none. For StudioGAN [attn_g_loc] after which blocks, from 1: "2".
  std::string attention = "64";
  std::int64_t depth = 1;                                 ///< [G_depth] blocks per resolution; BigGAN's is 1
  std::string norm_style = "bn";                          ///< "bn", "in", "gn", "gn_ch_8", "gn_grp_4", "nonorm"
  BigganStatistics statistics = BigganStatistics::torch;  ///< other ones for "bn" only
  double norm_eps = 1e-5;                                 ///< [BN_eps]
  double output_norm_eps = 1e-5;                          ///< of the output's norm; the option leaves it alone
  Nonlinearity nonlinearity = Nonlinearity::relu;         ///< [G_nl]
  WeightInit init = WeightInit::orthogonal;               ///< [G_init, skip_init]
  /// [G_param, SN_eps, num_G_SVs, num_G_SV_itrs]; variant `none` for --G_param ''. Embeddings are never normalised.
  SpectralNormOptions spectral{.variant = SpectralNormVariant::ajbrock, .eps = 1e-8};
};

/// Latents to pictures in (-1, 1).
struct BigganGenerator {
  using Options = BigganGeneratorOptions;
  Options options;                  // with the latent's and the shared embedding's actual sizes
  std::optional<Embedding> shared;  // [classes, options.shared]
  SpectralNorm<Linear> linear;      // latent, or its first part -> 4 x 4 map
  std::vector<BigganStage<GeneratorBlock<BigganConditionalNorm>>> blocks;
  BigganOutput output;

  BigganGenerator(Rng& rng, const Options& options);
  /// z [N, options.latent], labels int64 [N] -> [N, channels, resolution, resolution]
  Variable operator()(const Variable& z, const Tensor& labels, const Pass& pass = {});
  /// The same for given embeddings [N, options.shared], mixtures of classes say. Needs a shared embedding.
  Variable from_embedding(const Variable& z, const Variable& embedded, const Pass& pass = {});
  void visit(Visitor& v);

 private:
  Variable synthesize(const Variable& z, const BigganCondition& y, const Pass& pass);
};

struct BigganDiscriminatorOptions {
  BigganSystem system = BigganSystem::biggan_pytorch;
  std::int64_t resolution = 128;  ///< 32, 64, 128, 256 or 512 (which the original lacks; the paper's)
  std::int64_t width = 64;        ///< [D_ch]
  std::int64_t channels = 3;      ///< of the pictures
  std::int64_t classes = 1000;    ///< 1 or more; becomes 0 without conditioning
  /// [D_attn] after which resolutions: "32_64"; "0": none. For StudioGAN [attn_d_loc] after which blocks, from 1: "1".
  std::string attention = "64";
  std::int64_t depth = 1;                                          ///< [D_depth] blocks per resolution; BigGAN's is 1
  BlockWidth block_width = BlockWidth::wide;                       ///< [D_wide]
  ShortcutInput shortcut_input = ShortcutInput::raw;               ///< StudioGAN's ReLUs are in place: `activated`
  Nonlinearity nonlinearity = Nonlinearity::relu;                  ///< [D_nl]; blocks start with ReLU nevertheless
  WeightInit init = WeightInit::orthogonal;                        ///< [D_init, skip_init]
  ClassConditioning conditioning = ClassConditioning::projection;  ///< StudioGAN's [d_cond_mtd]
  AuxiliaryClassifier auxiliary = AuxiliaryClassifier::none;       ///< StudioGAN's [aux_cls_type]
  std::int64_t embedding = 512;                                    ///< StudioGAN's [d_embed_dim]
  /// [D_param, SN_eps, num_D_SVs, num_D_SV_itrs]; variant `none` for no normalisation. The embedding is normalised too.
  SpectralNormOptions spectral{.variant = SpectralNormVariant::ajbrock, .eps = 1e-8};
};

/// A projection discriminator, linear(h) + <embed(label), h>, h being the sum of the last map over its pixels; or one
/// conditioned in another way.
struct BigganDiscriminator {
  using Options = BigganDiscriminatorOptions;
  Options options;
  std::vector<BigganStage<DiscriminatorBlock>> blocks;
  ClassHead head;

  BigganDiscriminator(Rng& rng, const Options& options);
  /// pictures [N, channels, resolution, resolution], labels int64 [N] -> logits [N], or scores [N, classes + 1] of
  /// `multi_hinge`. No labels without conditioning.
  Variable operator()(const Variable& pictures, const Tensor& labels, const Pass& pass = {});
  /// The same with all else that losses of classes need.
  ClassJudgement judge(const Variable& pictures, const Tensor& labels, PictureOrigin origin, const Pass& pass = {});
  /// h [N, F]
  Variable features(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);
};

/// A published pair of networks, as the scripts of BigGAN-PyTorch and StudioGAN launch it.
struct BigganConfiguration {
  std::string_view name;
  BigganGeneratorOptions generator;
  BigganDiscriminatorOptions discriminator;
};
/// "BigGAN-C10", "BigGAN-C100" (32 pixels), "BigGAN-I128", "BigGAN-I128-ch64", "BigGAN-I256", "SAGAN-I128" and
/// "SNGAN-I128" (ImageNet); "StudioGAN-BigGAN-C10", "StudioGAN-BigGAN-I128". With the generator of
/// "StudioGAN-BigGAN-C10" and a discriminator conditioned in another way: "StudioGAN-ContraGAN-C10",
/// "StudioGAN-ReACGAN-C10", "StudioGAN-MHGAN-C10", "StudioGAN-MDGAN-C10", "StudioGAN-ACGAN-Big-C10",
/// "StudioGAN-ACGAN-Big-TAC-C10" and "StudioGAN-ACGAN-Big-ADC-C10".
const std::vector<BigganConfiguration>& biggan_configurations();
/// Throws, naming the nearest one, for a name that there is not.
const BigganConfiguration& biggan_configuration(std::string_view name);

}  // namespace duel
