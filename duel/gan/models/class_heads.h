// The end of a conditional discriminator: from the features of a picture to a logit, and to what losses of classes
// need. StudioGAN's ways of conditioning, with its names of parameters.
#pragma once

#include <optional>

#include "duel/gan/class_losses.h"
#include "duel/gan/models/residual_blocks.h"

namespace duel {

struct ClassHeadOptions {
  ClassConditioning conditioning = ClassConditioning::projection;
  AuxiliaryClassifier auxiliary = AuxiliaryClassifier::none;  ///< others for classifiers and embeddings only
  std::int64_t features = 1;
  std::int64_t classes = 1;      ///< of no matter without conditioning
  std::int64_t embedding = 512;  ///< the size of those of `contrastive` and `data_to_data`
  SpectralNormOptions spectral{};
  const char *score_name = "linear1", *embedding_name = "embedding";
};

struct ClassHead {
  ClassHeadOptions options;
  SpectralNorm<Linear> score;  // features -> 1, or as many as classes and one more, or as classes
  /// [classes, features] for projections, [classes, options.embedding] beside a classifier that embeds.
  std::optional<SpectralNorm<Embedding>> embedding, twin_embedding;
  /// "linear2", "linear_mi": features -> classes, without biases, or -> options.embedding, with biases.
  std::optional<SpectralNorm<Linear>> classifier, twin;

  /// `network` is in whose name errors are thrown.
  ClassHead(Rng& rng, const char* network, const ClassHeadOptions& options);
  /// h [N, features], labels int64 [N], none without conditioning -> [N], or [N, classes + 1] of `multi_hinge`
  Variable logits(const Variable& h, const Tensor& labels, const Pass& pass);
  /// The same with all else that a loss may need. The origin matters to discriminative classifiers only.
  ClassJudgement judge(const Variable& h, const Tensor& labels, PictureOrigin origin, const Pass& pass);
  void visit(Visitor& v);
};

}  // namespace duel
