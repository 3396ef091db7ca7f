// Batch normalisation, ordinary and conditional, and running statistics. Names, shapes and defaults are PyTorch's. With
// a rectifier, the leaky ReLU that follows is done in the same pass.
//
// Statistics for evaluation other than those of training ("standing statistics") are made by resetting the running ones
// and drawing batches in training mode:
//   BigGAN's:    reset_running_statistics(g); then g(z, y, {.statistics = StatisticsUpdate::cumulative}), 16 times say
//   StudioGAN's: the same with the ordinary update, which weighs the last batches most
#pragma once

#include "duel/nn/linear_layers.h"
#include "duel/nn/spectral_norm.h"

namespace duel {

/// Whether a norm has a weight and a bias of its own.
enum class Affine : std::uint8_t { no, yes };
/// Whether a norm keeps running statistics for evaluation; one that does not evaluates as it trains.
enum class TrackRunning : std::uint8_t { no, yes };
/// Which variance of a batch of n enters the running one: sum / (n - 1), or sum / n as used to normalise.
enum class StoredVariance : std::uint8_t { unbiased, biased };

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;        ///< running = (1 - momentum) running + momentum batch
  Affine affine = Affine::yes;  ///< conditional norms have theirs from the condition and ignore this
  TrackRunning track_running = TrackRunning::yes;
  StoredVariance stored_variance = StoredVariance::unbiased;  ///< biased in BigGAN's own implementation
};

/// The running statistics of a norm; with TrackRunning::no there are none, and the tensors are undefined.
struct RunningMoments {
  Tensor mean, var;            // [C]
  Tensor num_batches_tracked;  // int64 []

  RunningMoments(std::int64_t channels, TrackRunning track);
  bool kept() const { return mean.defined(); }
  /// As new: mean 0, variance 1, no batches.
  void reset();
  /// Takes in the statistics of one batch as `pass.statistics` says; `momentum` must lie in [0, 1].
  void update(const BatchMoments& batch, StoredVariance stored, double momentum, const Pass& pass);
  void visit(Visitor& v);
};

/// Resets all running statistics in a module.
template <class Module>
void reset_running_statistics(Module& module) {
  struct Reset : Visitor {
    void on_parameter(const std::string&, Variable&) override {}
    void on_running_moments(RunningMoments& moments) override { moments.reset(); }
  } reset;
  module.visit(reset);
}

/// x normalised by the batch's biased variance in training, when `running` is brought up to date, and by `running`
/// where it is kept in evaluation. With `pass.replicas` the batch is that of all replicas. gain and bias are undefined,
/// [C], or [N, C].
Variable normalize_batch(const Variable& x, const Variable& gain, const Variable& bias, RunningMoments& running,
                         const BatchNormOptions& options, const Pass& pass, Rectifier r = {});

/// Both BatchNorm1d, x [N, C], and BatchNorm2d, x [N, C, H, W]. At least two elements per channel in training.
struct BatchNorm {
  Variable weight, bias;  // [C]
  RunningMoments running;
  BatchNormOptions options;

  explicit BatchNorm(std::int64_t channels, BatchNormOptions options = {});
  Variable operator()(const Variable& x, const Pass& pass = {}, Rectifier r = {}) {
    return normalize_batch(x, weight, bias, running, options, pass, r);
  }
  void visit(Visitor& v);
};
using BatchNorm1d = BatchNorm;
using BatchNorm2d = BatchNorm;

/// How a table gives the gain of a class: 1 + row, the table starting at 0 (BigGAN), or the row itself, the table
/// starting at 1 (SNGAN). Both start as a plain normalisation, and compute the same.
enum class GainTable : std::uint8_t { added_to_one, direct };

/// Class-conditional batch norm: gain and bias are rows of two tables; the bias' starts at 0.
struct ConditionalBatchNorm2d {
  Embedding gain, bias;  // [classes, C]
  RunningMoments running;
  BatchNormOptions options;
  GainTable gain_table;

  ConditionalBatchNorm2d(Rng& rng, std::int64_t channels, std::int64_t classes, BatchNormOptions options = {},
                         GainTable gain_table = GainTable::added_to_one);
  /// x [N, C, H, W], labels int64 [N]
  Variable operator()(const Variable& x, const Tensor& labels, const Pass& pass = {}, Rectifier r = {});
  void visit(Visitor& v);
};

/// BigGAN's conditional batch norm: gain = 1 + W_gain y and bias = W_bias y, where y is an embedding shared by all
/// layers (with a share of z, if hierarchical). Without biases; spectrally normalised by choice.
struct LinearConditionalBatchNorm2d {
  SpectralNorm<Linear> gain, bias;  // [C, condition]
  RunningMoments running;
  BatchNormOptions options;

  LinearConditionalBatchNorm2d(Rng& rng, std::int64_t channels, std::int64_t condition, BatchNormOptions options = {},
                               SpectralNormOptions spectral = {.variant = SpectralNormVariant::none});
  /// x [N, C, H, W], y [N, condition]
  Variable operator()(const Variable& x, const Variable& y, const Pass& pass = {}, Rectifier r = {});
  void visit(Visitor& v);
};

}  // namespace duel
