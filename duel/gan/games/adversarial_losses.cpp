#include "duel/gan/games/adversarial_losses.h"

#include "duel/autograd/ops.h"
#include "duel/gan/augment.h"

namespace duel {

Tensor labels_for(const Network& network, const Tensor& labels) {
  return network.input().classes > 0 ? labels : Tensor();
}

bool compares_with_real(const AdversarialGameOptions& o) {
  return o.loss.generator_scores == GeneratorScores::real_and_fake || o.regularisers.feature_matching > 0;
}

namespace {

void add(LossTerms& terms, LossTerms more) {
  for (LossTerm& term : more) terms.push_back(std::move(term));
}

Variable total(Variable loss, const LossTerms& terms) {
  for (const LossTerm& term : terms) {
    const Variable value = term.interval == 1 ? term.value : term.interval * term.value;
    loss = loss.defined() ? loss + value : value;
  }
  return loss;
}

bool in_class_loss(const ClassLoss* loss) { return loss && loss->place == ClassLossPlace::instead_of_adversarial; }

LossTerm feature_term(const RegulariserOptions& o, const Variable& real, const Variable& fake) {
  return {"feature_matching", o.feature_matching * feature_matching_loss(real, fake, o.feature_distance)};
}

}  // namespace

DiscriminatorLoss discriminator_loss(const AdversarialGameOptions& o, AdversarialNetworks& networks,
                                     const AdversarialRound& round, Penalty penalty) {
  const RegulariserOptions& r = o.regularisers;
  Rng draws = round.draws;
  const auto generate = [&](const Tensor& z) {
    const NoGrad no_grad;
    return networks.generator(z, labels_for(networks.generator, round.labels), {.rng = &draws}).value();
  };
  Judge judge{networks.discriminator, labels_for(networks.discriminator, round.labels), r, draws, round.augmentation};
  JudgedPair pair{round.real, round.fake.defined() ? round.fake.value() : generate(round.z), {}};
  const ClassLoss* class_loss = class_loss_of(o.discriminator);
  const Variable real = judge.augmented(pair.real), fake = judge.augmented(pair.fake);

  DiscriminatorLoss d;
  if (has_heads(o.discriminator)) {
    const Judgement of_real = judge.judge(real, PictureOrigin::real), of_fake = judge.judge(fake, PictureOrigin::fake);
    pair.scores = {of_real.classes.logits, of_fake.classes.logits};
    add(d.terms, discriminator_head_terms(judge, class_loss, of_real, of_fake, real));
  } else {
    pair.scores = scores_of_both(judge, real, fake);
  }
  d.real = pair.scores.real;
  d.fake = pair.scores.fake;
  if (!in_class_loss(class_loss)) {
    d.loss = r.targets == TargetOptions{}
                 ? o.loss.discriminator(d.real, d.fake)
                 : o.loss.discriminator_towards(d.real, d.fake, draw_targets(draws, d.real, d.fake, r.targets));
  }
  add(d.terms, gradient_terms(judge, pair, penalty));
  add(d.terms, consistency_terms(judge, {real.value(), fake.value(), pair.scores}));
  if (r.latent_discriminator > 0) {
    const Tensor near = generate(perturb_latents(draws, round.z, r.latent_noise).value());
    d.terms.push_back(
        {"latent_consistency",
         latent_consistency_discriminator(d.fake, judge.scores(near), {.discriminator = r.latent_discriminator})});
  }
  if (r.lecam > 0) {
    LeCamPenalty means = clone(networks.lecam);  // the game moves them on, once
    d.terms.push_back({"lecam", r.lecam * means(d.real, d.fake)});
  }
  add(d.terms, orthogonality_terms(networks.discriminator, r.discriminator_orthogonality));
  d.loss = total(d.loss, d.terms);
  return d;
}

GeneratorLoss generator_loss(const AdversarialGameOptions& o, AdversarialNetworks& networks,
                             const AdversarialRound& round) {
  const RegulariserOptions& r = o.regularisers;
  Rng draws = round.draws;
  const Pass pass{.rng = &draws};
  const Tensor labels = labels_for(networks.generator, round.labels);
  Judge judge{networks.discriminator, labels_for(networks.discriminator, round.labels), r, draws, round.augmentation};
  const ClassLoss* class_loss = class_loss_of(o.discriminator);
  const bool by_features = r.feature_matching > 0;
  Judgement real;
  if (compares_with_real(o)) {
    const NoGrad no_grad;
    const Variable shown = judge.augmented(round.real);
    if (by_features)
      real = judge.judge(shown, PictureOrigin::real);
    else
      real.classes.logits = judge.scores(shown);
  }
  const Variable pictures = round.fake.defined() ? round.fake : networks.generator(round.z, labels, pass),
                 shown = judge.augmented(pictures);

  GeneratorLoss g;
  Variable scores;
  if (has_heads(o.discriminator) || by_features) {
    const Judgement judged = judge.judge(shown, PictureOrigin::real);
    scores = judged.classes.logits;
    add(g.terms, generator_head_terms(judge, class_loss, judged, shown));
    if (by_features) g.terms.push_back(feature_term(r, real.classes.features, judged.classes.features));
  } else {
    scores = judge.scores(shown);
  }
  if (r.top_k < 1)
    scores = top_k_scores(scores, top_k_at(round.epoch, scores.size(0), {.gamma = r.top_k_gamma, .nu = r.top_k}));
  if (!in_class_loss(class_loss)) g.loss = o.loss.generator(real.classes.logits, scores);
  if (r.latent_generator > 0) {
    const Variable near = networks.generator(perturb_latents(draws, round.z, r.latent_noise), labels, pass);
    g.terms.push_back(
        {"latent_consistency", latent_consistency_generator(pictures, near, {.generator = r.latent_generator})});
  }
  add(g.terms, orthogonality_terms(networks.generator, r.generator_orthogonality));
  g.loss = total(g.loss, g.terms);
  return g;
}

}  // namespace duel
