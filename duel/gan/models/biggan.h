// BigGAN (Brock, Donahue and Simonyan 2019) as in its authors' PyTorch program, BigGAN-PyTorch: pictures of 32, 64,
// 128, 256 and 512 pixels, with the options of its command line that concern the networks, and its names of parameters
// and buffers. Its SNGAN and SAGAN are configurations of the same networks: see `biggan_configuration`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "duel/gan/models/residual_blocks.h"

namespace duel {

/// One embedding of the class for all norms, which each of them projects, or a table of its own for each norm.
enum class ClassEmbedding : std::uint8_t { per_norm, shared };
/// Whether z enters at the bottom alone, or in equal parts at the bottom and in each block (with a shared embedding).
enum class LatentUse : std::uint8_t { bottom, hierarchical };
/// How batch norms store their statistics:
///   torch           stored_mean, stored_var; running means with unbiased variances
///   own             --mybn: bn.stored_mean, bn.stored_var with biased variances, and bn.accumulation_counter. The
///                   original stores sums beside a counter while it collects standing statistics; here means are
///                   stored, and the counter stays 0
///   cross_replica   --cross_replica: bn.running_mean, bn.running_var, bn.num_batches_tracked
/// All of them take the batches of all replicas together if `Pass::replicas` is given.
enum class BigganStatistics : std::uint8_t { torch, own, cross_replica };

/// In brackets: the option's name on BigGAN-PyTorch's command line. Defaults are that command line's.
struct BigganGeneratorOptions {
  std::int64_t resolution = 128;                          ///< 32, 64, 128, 256 or 512
  std::int64_t width = 64;                                ///< [G_ch] all numbers of feature maps are multiples of it
  std::int64_t channels = 3;                              ///< of the pictures
  std::int64_t classes = 1000;                            ///< 1 or more
  std::int64_t latent = 128;                              ///< [dim_z]; rounded down to equal parts if hierarchical
  ClassEmbedding embedding = ClassEmbedding::per_norm;    ///< [G_shared]
  std::int64_t shared = 0;                                ///< [shared_dim] its size; 0 for that of z
  LatentUse latent_use = LatentUse::bottom;               ///< [hier]
  std::string attention = "64";                           ///< [G_attn] after which resolutions: "32_64"; "0": none
  std::int64_t depth = 1;                                 ///< [G_depth] blocks per resolution; BigGAN's is 1
  std::string norm_style = "bn";                          ///< "bn", "in", "gn", "gn_ch_8", "gn_grp_4", "nonorm"
  BigganStatistics statistics = BigganStatistics::torch;  ///< other ones for "bn" only
  double norm_eps = 1e-5;                                 ///< [BN_eps]; the output's norm always has 1e-5
  Nonlinearity nonlinearity = Nonlinearity::relu;         ///< [G_nl]
  WeightInit init = WeightInit::orthogonal;               ///< [G_init, skip_init]
  /// [G_param, SN_eps, num_G_SVs, num_G_SV_itrs]; variant `none` for --G_param ''. Embeddings are never normalised.
  SpectralNormOptions spectral{.variant = SpectralNormVariant::ajbrock, .eps = 1e-8};
};

/// What a generator's norms are told: labels int64 [N], or an embedding [N, size].
struct BigganCondition {
  Tensor labels;
  Variable embedded;
};

/// A norm whose gain, 1 + the condition's, and bias come from the condition.
struct BigganConditionalNorm {
  std::variant<Embedding, SpectralNorm<Linear>> gain, bias;
  /// Batch, instance, group and no norm.
  std::variant<RunningMoments, InstanceNorm, GroupNorm, Identity> norm;
  BatchNormOptions options;  // of the batch norm
  BigganStatistics statistics;
  Tensor accumulation_counter;  // [1], for BigganStatistics::own

  BigganConditionalNorm(Rng& rng, std::int64_t channels, std::int64_t condition, const BigganGeneratorOptions& options);
  /// x [N, C, H, W] -> the same shape
  Variable operator()(const Variable& x, const BigganCondition& y, const Pass& pass, Rectifier r = {});
  void visit(Visitor& v);
};

/// The residual blocks at one resolution, and the attention after them.
template <class Block>
struct BigganStage {
  std::vector<Block> blocks;
  std::optional<SelfAttention> attention;

  void visit(Visitor& v) {
    for (std::size_t i = 0; i < blocks.size(); ++i) v.child(cat(i), blocks[i]);
    if (attention) v.child(cat(blocks.size()), *attention);
  }
};

/// Latents to pictures in (-1, 1).
struct BigganGenerator {
  using Options = BigganGeneratorOptions;
  Options options;                  // with the latent's and the shared embedding's actual sizes
  std::optional<Embedding> shared;  // [classes, options.shared]
  SpectralNorm<Linear> linear;      // latent, or its first part -> 4 x 4 map
  std::vector<BigganStage<GeneratorBlock<BigganConditionalNorm>>> blocks;
  BatchNorm2d output_norm;
  Tensor output_accumulation_counter;  // as in BigganConditionalNorm
  SpectralNorm<Conv2d> output;

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
  std::int64_t resolution = 128;                   ///< 32, 64, 128, 256 or 512 (which the original lacks; the paper's)
  std::int64_t width = 64;                         ///< [D_ch]
  std::int64_t channels = 3;                       ///< of the pictures
  std::int64_t classes = 1000;                     ///< 1 or more
  std::string attention = "64";                    ///< [D_attn] after which resolutions: "32_64"; "0": none
  std::int64_t depth = 1;                          ///< [D_depth] blocks per resolution; BigGAN's is 1
  BlockWidth block_width = BlockWidth::wide;       ///< [D_wide]
  Nonlinearity nonlinearity = Nonlinearity::relu;  ///< [D_nl]; blocks start with ReLU nevertheless
  WeightInit init = WeightInit::orthogonal;        ///< [D_init, skip_init]
  /// [D_param, SN_eps, num_D_SVs, num_D_SV_itrs]; variant `none` for no normalisation. The embedding is normalised too.
  SpectralNormOptions spectral{.variant = SpectralNormVariant::ajbrock, .eps = 1e-8};
};

/// A projection discriminator: linear(h) + <embed(label), h>, h being the sum of the last map over its pixels.
struct BigganDiscriminator {
  using Options = BigganDiscriminatorOptions;
  Options options;
  std::vector<BigganStage<DiscriminatorBlock>> blocks;
  SpectralNorm<Linear> linear;    // features -> 1
  SpectralNorm<Embedding> embed;  // [classes, features]

  BigganDiscriminator(Rng& rng, const Options& options);
  /// pictures [N, channels, resolution, resolution], labels int64 [N] -> logits [N]
  Variable operator()(const Variable& pictures, const Tensor& labels, const Pass& pass = {});
  void visit(Visitor& v);
};

/// A published pair of networks, as BigGAN-PyTorch's scripts launch it.
struct BigganConfiguration {
  std::string_view name;
  BigganGeneratorOptions generator;
  BigganDiscriminatorOptions discriminator;
};
/// "BigGAN-C10", "BigGAN-C100" (32 pixels), "BigGAN-I128", "BigGAN-I128-ch64", "BigGAN-I256", "SAGAN-I128" and
/// "SNGAN-I128" (ImageNet).
const std::vector<BigganConfiguration>& biggan_configurations();
/// Throws, naming the nearest one, for a name that there is not.
const BigganConfiguration& biggan_configuration(std::string_view name);

}  // namespace duel
