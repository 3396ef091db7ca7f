#include "duel/gan/games/regularisers.h"

#include "duel/autograd/ops.h"
#include "duel/gan/augment.h"

namespace duel {
namespace {

struct FindBatchNorm : Visitor {
  bool found = false;
  void on_parameter(const std::string&, Variable&) override {}
  void on_running_moments(RunningMoments&) override { found = true; }
};

bool normalises_over_batch(Network& network) {
  FindBatchNorm find;
  network.visit(find);
  return find.found;
}

template <class... Weights>
bool none_negative(Weights... weights) {
  return (... && (weights >= 0));  // false for NaN too
}

}  // namespace

void validate(const RegulariserOptions& o) {
  const char* const name = "regularisers";
  check(none_negative(o.gradient_penalty, o.max_gradient_penalty, o.dragan, o.r1_gamma, o.r2_gamma, o.clip,
                      o.discriminator_orthogonality, o.generator_orthogonality, o.lecam, o.consistency, o.balanced_real,
                      o.balanced_fake, o.latent_discriminator, o.latent_generator, o.latent_noise, o.class_weight,
                      o.rotation_discriminator, o.rotation_generator, o.infomax, o.feature_matching),
        name, "weights must not be negative");
  check(o.augment_probability >= 0 && o.augment_probability <= 1, name, "augment_probability must lie in [0, 1], got ",
        o.augment_probability);
  check(o.r1_interval >= 1, name, "r1_interval must be 1 or more, got ", o.r1_interval);
  check(o.top_k > 0 && o.top_k <= 1 && o.top_k_gamma > 0 && o.top_k_gamma <= 1, name,
        "top_k and top_k_gamma must lie in (0, 1], got ", o.top_k, " and ", o.top_k_gamma);
  static_cast<void>(diff_augment_policy(o.augment));
}

const ClassLoss* class_loss_of(const Blueprint& discriminator) {
  const auto conditioning = discriminator.get("conditioning"), auxiliary = discriminator.get("auxiliary");
  for (const ClassLoss& loss : class_losses()) {
    const bool in_scores = loss.conditioning == ClassConditioning::projection ||
                           loss.conditioning == ClassConditioning::multi_discriminator;
    if (!in_scores && to_text(loss.conditioning) == conditioning && to_text(loss.auxiliary) == auxiliary) return &loss;
  }
  return nullptr;
}

bool has_heads(const Blueprint& discriminator) {
  return class_loss_of(discriminator) || discriminator.get("self_supervision").value_or("none") != "none";
}

bool has_spectral_norm(const Blueprint& network) { return network.get("spectral").value_or("none") != "none"; }

Variable Judge::augmented(const Variable& pictures) {
  if (options.augment.empty()) return pictures;
  return draw_diff_augment(draws, options.augment, pictures.shape(), augmentation, pictures.value().device())(pictures);
}

ScorePair scores_of_both(Judge& judge, const Variable& real, const Variable& fake) {
  if (normalises_over_batch(judge.network)) return {judge.scores(real), judge.scores(fake)};
  Judge both{judge.network, judge.labels, judge.options, judge.draws};
  if (judge.labels.defined()) both.labels = concat({judge.labels, judge.labels}, 0).value();
  return scores_of_both(both.critic(), real, fake);
}

LossTerms gradient_terms(Judge& judge, const JudgedPair& pair, Penalty penalty) {
  const RegulariserOptions& o = judge.options;
  const Critic critic = judge.critic();
  LossTerms terms;
  if (o.gradient_penalty > 0)
    terms.push_back(
        {"gradient_penalty",
         o.gradient_penalty * gradient_penalty(critic, pair.real, pair.fake, judge.draws,
                                               {.at = o.gradient_penalty_at, .over = o.gradient_penalty_over})});
  if (o.max_gradient_penalty > 0)
    terms.push_back({"max_gradient_penalty",
                     o.max_gradient_penalty * max_gradient_penalty(critic, pair.real, pair.fake, judge.draws)});
  if (o.dragan > 0) terms.push_back({"dragan", o.dragan * dragan_penalty(critic, pair.real, judge.draws)});
  if (penalty == Penalty::without) return terms;
  const auto interval = static_cast<double>(o.r1_interval);
  if (o.r1_gamma > 0) terms.push_back({"r1", r1_penalty(critic, pair.real, o.r1_gamma), interval});
  if (o.r2_gamma > 0) terms.push_back({"r2", r2_penalty(critic, pair.fake, o.r2_gamma), interval});
  return terms;
}

LossTerms consistency_terms(Judge& judge, const JudgedPair& pair) {
  const RegulariserOptions& o = judge.options;
  const auto moved = [&](const Tensor& x) {
    return judge.scores(draw_flip_and_shift(judge.draws, x.shape(), 1, x.device())(x));
  };
  LossTerms terms;
  if (o.consistency > 0)
    terms.push_back({"consistency", o.consistency * consistency_penalty(pair.scores.real, moved(pair.real))});
  if (o.balanced_real > 0 || o.balanced_fake > 0)
    terms.push_back(
        {"balanced_consistency", balanced_consistency_penalty(pair.scores.real, moved(pair.real), pair.scores.fake,
                                                              moved(pair.fake), {o.balanced_real, o.balanced_fake})});
  return terms;
}

LossTerms discriminator_head_terms(Judge& judge, const ClassLoss* loss, const Judgement& real, const Judgement& fake,
                                   const Variable& real_pictures) {
  const RegulariserOptions& o = judge.options;
  LossTerms terms;
  if (loss)
    terms.push_back(
        {"class", o.class_weight * loss->discriminator_weight * loss->discriminator(real.classes, fake.classes)});
  if (real.local.defined()) terms.push_back({"infomax", o.infomax * info_nce_loss(real.local, real.global)});
  if (real.rotations.defined()) {
    const RotatedPictures turned = rotated_quarters(real_pictures);
    const Variable found = judge.judge(turned.pictures, PictureOrigin::real).rotations;
    terms.push_back({"rotation", o.rotation_discriminator * rotation_loss(found, turned.turns)});
  }
  return terms;
}

LossTerms generator_head_terms(Judge& judge, const ClassLoss* loss, const Judgement& fake,
                               const Variable& fake_pictures) {
  const RegulariserOptions& o = judge.options;
  LossTerms terms;
  if (loss) terms.push_back({"class", o.class_weight * loss->generator_weight * loss->generator(fake.classes)});
  if (fake.local.defined()) terms.push_back({"infomax", o.infomax * info_nce_loss(fake.local, fake.global)});
  if (fake.rotations.defined()) {
    const RotatedPictures turned = rotated_quarters(fake_pictures);
    const Variable found = judge.judge(turned.pictures, PictureOrigin::real).rotations;
    terms.push_back({"rotation", o.rotation_generator * rotation_loss(found, turned.turns)});
  }
  return terms;
}

LossTerms orthogonality_terms(Network& network, double weight) {
  if (weight == 0) return {};
  Variables weights;
  for (const auto& [name, p] : named_parameters(network))
    if (!name.starts_with("shared")) weights.push_back(p);
  return {{"orthogonality", weight * orthogonal_penalty(weights)}};
}

}  // namespace duel
