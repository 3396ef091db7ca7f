#include "duel/gan/models/class_heads.h"

#include "duel/autograd/mixed_precision.h"

namespace duel {
namespace {

constexpr double kEps = 1e-12;  // PyTorch's normalize

bool embeds(const ClassHeadOptions& o) {
  return o.conditioning == ClassConditioning::contrastive || o.conditioning == ClassConditioning::data_to_data;
}

bool classifies(const ClassHeadOptions& o) { return o.conditioning == ClassConditioning::classifier || embeds(o); }

ClassHeadOptions checked(const char* network, const ClassHeadOptions& o) {
  check(o.features >= 1 && o.embedding >= 1, network, "features and embeddings must have sizes, got ", o.features,
        " and ", o.embedding);
  check(o.classes >= 1 || o.conditioning == ClassConditioning::none, network, "needs one class at least, got ",
        o.classes, "; without any, choose ClassConditioning::none");
  check(o.auxiliary == AuxiliaryClassifier::none || classifies(o), network,
        "an auxiliary classifier goes with the conditioning classifier, contrastive or data_to_data");
  return o;
}

std::int64_t scores(const ClassHeadOptions& o) {
  if (o.conditioning == ClassConditioning::multi_hinge) return o.classes + 1;
  return o.conditioning == ClassConditioning::multi_discriminator ? o.classes : 1;
}

// As many as there are labels.
std::int64_t told_apart(const ClassHeadOptions& o) {
  return o.auxiliary == AuxiliaryClassifier::discriminative ? 2 * o.classes : o.classes;
}

SpectralNorm<Linear> classifier_of(Rng& rng, const ClassHeadOptions& o) {
  const LinearOptions biased{.bias = embeds(o) ? Bias::yes : Bias::no};
  return normalized(rng, Linear(rng, o.features, embeds(o) ? o.embedding : told_apart(o), biased), o.spectral);
}

SpectralNorm<Embedding> embedding_of(Rng& rng, const ClassHeadOptions& o) {
  return normalized(rng, Embedding(rng, told_apart(o), embeds(o) ? o.embedding : o.features), o.spectral);
}

}  // namespace

ClassHead::ClassHead(Rng& rng, const char* network, const ClassHeadOptions& o)
    : options(checked(network, o)), score(normalized(rng, Linear(rng, o.features, scores(o)), o.spectral)) {
  const bool twins = o.auxiliary == AuxiliaryClassifier::twin;
  if (classifies(o)) classifier = classifier_of(rng, o);
  if (embeds(o) || o.conditioning == ClassConditioning::projection) embedding = embedding_of(rng, o);
  if (twins) twin = classifier_of(rng, o);
  if (twins && embeds(o)) twin_embedding = embedding_of(rng, o);
}

Variable ClassHead::logits(const Variable& features, const Tensor& labels, const Pass& pass) {
  const Variable h = follow(features, score.layer.weight.dtype());
  const Variable found = score(h, pass);  // [N, scores]
  if (options.conditioning == ClassConditioning::multi_hinge) return found;
  if (options.conditioning == ClassConditioning::multi_discriminator)
    return flatten(gather(found, 1, labels.reshape({h.size(0), 1})), 0);
  const Variable logits = flatten(found, 0);
  if (options.conditioning != ClassConditioning::projection) return logits;
  return logits + sum((*embedding)(labels, pass) * h, {1});
}

ClassJudgement ClassHead::judge(const Variable& features, const Tensor& labels, PictureOrigin origin,
                                const Pass& pass) {
  const Variable h = follow(features, score.layer.weight.dtype());
  const bool discriminative = options.auxiliary == AuxiliaryClassifier::discriminative;
  ClassJudgement j{.logits = logits(h, labels, pass),
                   .features = h,
                   .labels = discriminative ? discriminative_labels(labels, origin) : labels};
  if (embeds(options)) {
    j.embedding = unit_rows((*classifier)(h, pass), kEps);
    j.proxy = unit_rows((*embedding)(j.labels, pass), kEps);
  } else if (classifier) {
    j.classes = (*classifier)(h, pass);
  }
  if (twin_embedding) {
    j.twin_embedding = unit_rows((*twin)(h, pass), kEps);
    j.twin_proxy = unit_rows((*twin_embedding)(j.labels, pass), kEps);
  } else if (twin) {
    j.twin_classes = (*twin)(h, pass);
  }
  return j;
}

void ClassHead::visit(Visitor& v) {
  v.child(options.score_name, score);
  if (classifier) v.child("linear2", *classifier);
  if (embedding) v.child(options.embedding_name, *embedding);
  if (twin) v.child("linear_mi", *twin);
  if (twin_embedding) v.child("embedding_mi", *twin_embedding);
}

}  // namespace duel
