// What the networks of BigGAN and BigGAN-deep share: whose names they have, their conditional norms, where attention
// goes, and the sizes of their stages.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "duel/gan/models/class_heads.h"
#include "duel/gan/models/residual_blocks.h"

namespace duel {

/// Whose names the parameters and buffers have.
///   biggan_pytorch   the authors' PyTorch program, BigGAN-PyTorch
///   studiogan        PyTorch-StudioGAN. Its networks of 32 pixels have a narrower discriminator, those of 64 a
///                    narrower generator, places of attention are numbers of blocks, and biases start at 0
enum class BigganSystem : std::uint8_t { biggan_pytorch, studiogan };

/// One embedding of the class for all norms, which each of them projects, or a table of its own for each norm.
enum class ClassEmbedding : std::uint8_t { per_norm, shared };
/// How batch norms store their statistics:
///   torch           stored_mean, stored_var; running means with unbiased variances
///   own             --mybn: bn.stored_mean, bn.stored_var with biased variances, and bn.accumulation_counter. The
///                   original stores sums beside a counter while it collects standing statistics; here means are
///                   stored, and the counter stays 0
///   cross_replica   --cross_replica: bn.running_mean, bn.running_var, bn.num_batches_tracked
/// All of them take the batches of all replicas together if `Pass::replicas` is given.
enum class BigganStatistics : std::uint8_t { torch, own, cross_replica };

/// What a generator's norms are told: labels int64 [N], or an embedding [N, size].
struct BigganCondition {
  Tensor labels;
  Variable embedded;
};

struct BigganNormOptions {
  ClassEmbedding embedding;
  std::string style;  ///< "bn", "in", "gn", "gn_ch_8", "gn_grp_4", "nonorm"
  BigganStatistics statistics;
  double eps;
  SpectralNormOptions spectral;  ///< of the projections of a shared embedding
};

/// A norm whose gain, 1 + the condition's, and bias come from the condition.
struct BigganConditionalNorm {
  std::variant<Embedding, SpectralNorm<Linear>> gain, bias;
  /// Batch, instance, group and no norm.
  std::variant<RunningMoments, InstanceNorm, GroupNorm, Identity> norm;
  BatchNormOptions options;  // of the batch norm
  BigganStatistics statistics;
  Tensor accumulation_counter;  // [1], for BigganStatistics::own

  /// `condition` is the number of classes, or the size of the embedding.
  BigganConditionalNorm(Rng& rng, std::int64_t channels, std::int64_t condition, const BigganNormOptions& options);
  /// x [N, C, H, W] -> the same shape
  Variable operator()(const Variable& x, const BigganCondition& y, const Pass& pass, Rectifier r = {});
  void visit(Visitor& v);
};

/// The last layers of a generator: batch norm, nonlinearity, 3 x 3 convolution, tanh.
struct BigganOutput {
  BigganSystem system;
  BigganStatistics statistics;
  BatchNorm2d norm;
  Tensor accumulation_counter;  // as in BigganConditionalNorm
  SpectralNorm<Conv2d> conv;

  BigganOutput(Rng& rng, std::int64_t in, std::int64_t out, BigganSystem system, BigganStatistics statistics,
               double eps, const SpectralNormOptions& spectral);
  /// x [N, in, H, W] -> [N, out, H, W]
  Variable operator()(const Variable& x, Nonlinearity f, const Pass& pass);
  void visit(Visitor& v);
};

/// The residual blocks at one resolution, and the attention after them.
template <class Block>
struct BigganStage {
  std::vector<Block> blocks;
  std::optional<SelfAttention> attention;
};

/// What the lists in "blocks", a list of lists, hold.
///   stage   all of a stage: blocks.<stage>.<block>, with attention at the end
///   block   a block, and the attention after it: blocks.<block>.0, blocks.<block>.1
///   layer   a block or an attention: blocks.<layer>.0
enum class BigganNesting : std::uint8_t { stage, block, layer };

namespace biggan {

/// Blocks of one resolution: feature maps in multiples of the width, and what attention after them is called by: the
/// resolution that they end with or, for StudioGAN, the stage's number from 1.
struct StagePlan {
  std::int64_t in, out, place;
};

inline constexpr std::int64_t kBottom = 4;  ///< pixels at which a generator starts

/// Throws, in the name of `network`, for a resolution that there is not.
std::vector<StagePlan> generator_plan(const char* network, std::int64_t resolution, BigganSystem system);

/// StudioGAN's places.
void number_stages(std::vector<StagePlan>& plan);

/// "32_64" -> {32, 64}: the places of attention. Those that a network does not have are no mistake: 64 is the
/// default for all of them.
std::vector<std::int64_t> attended(const char* network, const std::string& text, BigganSystem system);

/// The attention after a stage, if its place is one of those.
std::optional<SelfAttention> attention_after(Rng& rng, const std::vector<std::int64_t>& places, std::int64_t place,
                                             std::int64_t channels, BigganSystem system, SpectralNormOptions spectral);
void visit_attention(Visitor& v, const std::string& name, SelfAttention& attention, BigganSystem system);

struct ZeroBiases : Visitor {
  void on_parameter(const std::string& name, Variable& p) override;
};

/// Weights as `how` says; StudioGAN's biases are 0.
template <class Module>
void initialize(Rng& rng, Module& module, WeightInit how, BigganSystem system) {
  initialize_weights(rng, module, how);
  if (system != BigganSystem::studiogan || how == WeightInit::standard) return;
  ZeroBiases zero;
  module.visit(zero);
}

/// What is asked of the options of every network.
template <class Options>
void check_options(const char* network, const Options& o) {
  check(o.width >= 1 && o.channels >= 1 && o.classes >= 1 && o.depth >= 1, network,
        "width, channels, classes and depth must be positive, got ", o.width, ", ", o.channels, ", ", o.classes,
        " and ", o.depth);
  check(o.spectral.singular_values >= 1, network, "at least one singular value must be followed, got ",
        o.spectral.singular_values);
}

/// And of a generator's besides.
template <class Options>
void check_generator_options(const char* network, const Options& o) {
  check_options(network, o);
  check(o.latent >= 1 && o.shared >= 0, network, "the latent's size must be positive and that of the embedding at ",
        "least 0, got ", o.latent, " and ", o.shared);
  check(o.statistics == BigganStatistics::torch || (o.norm_style == "bn" && o.system != BigganSystem::studiogan),
        network, "other statistics than torch's are for norm style bn of BigGAN-PyTorch, not for ", o.norm_style,
        o.system == BigganSystem::studiogan ? " of StudioGAN" : "");
}

/// A discriminator's head, under its system's names.
template <class Options>
ClassHeadOptions head_options(const Options& o, std::int64_t features) {
  const bool studiogan = o.system == BigganSystem::studiogan;
  return {.conditioning = o.conditioning,
          .auxiliary = o.auxiliary,
          .features = features,
          .classes = o.classes,
          .embedding = o.embedding,
          .spectral = o.spectral,
          .score_name = studiogan ? "linear1" : "linear",
          .embedding_name = studiogan ? "embedding" : "embed"};
}

/// StudioGAN stores statistics as PyTorch's own layers do.
template <class Options>
BigganStatistics statistics_of(const Options& o) {
  return o.system == BigganSystem::studiogan ? BigganStatistics::cross_replica : o.statistics;
}

/// "blocks".
template <class Block>
void visit_stages(Visitor& v, std::vector<BigganStage<Block>>& stages, BigganNesting nesting, BigganSystem system) {
  std::size_t list = 0, place = 0;
  const auto name = [&] { return cat("blocks.", list, '.', place); };
  const auto advance = [&](bool within_list) {
    place = within_list ? place + 1 : 0;
    if (!within_list) ++list;
  };
  for (BigganStage<Block>& stage : stages) {
    for (std::size_t i = 0; i < stage.blocks.size(); ++i) {
      if (i > 0) advance(nesting == BigganNesting::stage);
      v.child(name(), stage.blocks[i]);
    }
    if (stage.attention) {
      advance(nesting != BigganNesting::layer);
      visit_attention(v, name(), *stage.attention, system);
    }
    advance(false);
  }
}

}  // namespace biggan
}  // namespace duel
