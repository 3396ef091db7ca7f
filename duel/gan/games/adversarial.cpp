#include "duel/gan/games/adversarial.h"

#include <bit>
#include <cmath>

#include "duel/autograd/ops.h"
#include "duel/gan/augment.h"

namespace duel {
namespace {

double finite(const Variable& loss, const char* which, std::int64_t step) {
  const double value = loss.item();
  check(std::isfinite(value), "training", "the ", which, "'s loss became ", value, " in step ", step,
        "; nothing was updated with it. Lower the learning rate, or go back to an earlier checkpoint");
  return value;
}

// Those that a network of these inputs takes.
Tensor labels_for(const Network& network, const Tensor& labels) {
  return network.input().classes > 0 ? labels : Tensor();
}

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

void check_options(const AdversarialGameOptions& o) {
  static_cast<void>(adversarial_loss(o.loss));  // throws if there is none of that name
  validate(o.regularisers);
  const RegulariserOptions& r = o.regularisers;
  check(r.targets == TargetOptions{} || adversarial_loss(o.loss).discriminator_of_targets, "AdversarialGame",
        "the loss '", o.loss, "' does not compare scores with labels: leave out soft, smoothed and noisy ones");
  check(r.top_k == 1 || o.discriminator.get("conditioning").value_or("") != "multi_hinge", "AdversarialGame",
        "top_k chooses pictures by their one score, and this discriminator gives one for each class: leave it out");
  check(o.d_steps >= 1, "AdversarialGame", "d_steps must be 1 or more, got ", o.d_steps);
  check(
      o.loss != "wgan" || has_spectral_norm(o.discriminator) || r.clip > 0 || r.r1_gamma > 0 ||
          r.gradient_penalty > 0 || r.max_gradient_penalty > 0 || r.dragan > 0,
      "AdversarialGame",
      "the loss 'wgan' has no bound by itself: limit the discriminator's weights with clip (0.01 in the paper), or its "
      "gradient with gradient_penalty (10) or r1_gamma");
}

// Probabilities for the loss on them.
Network make_discriminator(Rng& rng, const AdversarialGameOptions& o) {
  if (o.loss != "gan") return o.discriminator.make(rng);
  Blueprint blueprint = o.discriminator;
  check(blueprint.get("scores").has_value(), "AdversarialGame",
        "the loss 'gan' is for probabilities, this discriminator gives logits: use 'vanilla'");
  blueprint.set("scores", "probabilities");
  return blueprint.make(rng);
}

AdamOptions discriminator_adam(const AdversarialGameOptions& o) {
  const RegulariserOptions& r = o.regularisers;
  return r.lazy_betas ? lazy(o.discriminator_optimizer, r.r1_interval) : o.discriminator_optimizer;
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
  Judge judge{networks.discriminator, labels_for(networks.discriminator, round.labels), r, draws};
  JudgedPair pair{round.real, generate(round.z), {}};
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
    const AdversarialLoss& loss = adversarial_loss(o.loss);
    d.loss = r.targets == TargetOptions{}
                 ? loss.discriminator(d.real, d.fake)
                 : loss.discriminator_towards(d.real, d.fake, draw_targets(draws, d.real, d.fake, r.targets));
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
  Judge judge{networks.discriminator, labels_for(networks.discriminator, round.labels), r, draws};
  const ClassLoss* class_loss = class_loss_of(o.discriminator);
  const AdversarialLoss& loss = adversarial_loss(o.loss);
  Variable real;
  if (loss.generator_scores == GeneratorScores::real_and_fake) {
    const NoGrad no_grad;
    real = judge.scores(judge.augmented(round.real));
  }
  const Variable pictures = networks.generator(round.z, labels, pass), shown = judge.augmented(pictures);

  GeneratorLoss g;
  Variable scores;
  if (has_heads(o.discriminator)) {
    const Judgement judged = judge.judge(shown, PictureOrigin::real);
    scores = judged.classes.logits;
    add(g.terms, generator_head_terms(judge, class_loss, judged, shown));
  } else {
    scores = judge.scores(shown);
  }
  if (r.top_k < 1)
    scores = top_k_scores(scores, top_k_at(round.epoch, scores.size(0), {.gamma = r.top_k_gamma, .nu = r.top_k}));
  if (!in_class_loss(class_loss)) g.loss = loss.generator(real, scores);
  if (r.latent_generator > 0) {
    const Variable near = networks.generator(perturb_latents(draws, round.z, r.latent_noise), labels, pass);
    g.terms.push_back(
        {"latent_consistency", latent_consistency_generator(pictures, near, {.generator = r.latent_generator})});
  }
  add(g.terms, orthogonality_terms(networks.generator, r.generator_orthogonality));
  g.loss = total(g.loss, g.terms);
  return g;
}

AdversarialGame::AdversarialGame(const Options& o)
    : options_((check_options(o), o)),
      rng_(o.seed),
      networks_{o.generator.make(rng_), make_discriminator(rng_, o)},
      generator_optimizer_(networks_.generator, o.generator_optimizer),
      discriminator_optimizer_(networks_.discriminator, discriminator_adam(o)),
      ema_(networks_.generator, o.ema_decay, o.ema_start, o.ema_buffers) {
  if (o.regularisers.r2_gamma > 0) lazy_["r2"] = 0;
  check(latents().shape.dim() == 1, "AdversarialGame",
        "this generator makes pictures of pictures, and the game has noise for it");
  const std::int64_t told = latents().classes, asked = pictures().classes;
  check(told == 0 || asked == 0 || told == asked, "AdversarialGame", "the generator knows ", told,
        " classes, the discriminator ", asked);
  check(o.loss != "relativistic" || o.regularisers.top_k == 1, "AdversarialGame",
        "top_k chooses among generated pictures, and the loss 'relativistic' compares each with a real one: leave out "
        "one of them");
}

AdversarialGame::Losses AdversarialGame::step(Batches& data) {
  Losses losses;
  AdversarialRound round;
  for (std::int64_t i = 0; i < options_.d_steps; ++i) {
    round = discriminator_round(data);
    update_discriminator(round, losses);
  }
  update_generator(generator_round(round), losses);
  ema_.update(networks_.generator, steps_);
  ++steps_;
  return losses;
}

void AdversarialGame::check_fits(const Dataset& data) const {
  const NetworkInput &model = pictures(), &noise = latents();
  const std::int64_t classes = std::max(model.classes, noise.classes);
  const Shape wanted{data.size(), model.shape[0], model.shape[1], model.shape[2]};
  check(data.pictures.shape() == wanted && (classes == 0 || data.classes <= classes), "AdversarialGame",
        "the pictures ", data.pictures, " of ", data.classes, " classes do not fit networks for ", wanted, " and ",
        classes, " classes");
  check(data.labels.defined() || classes <= 1, "AdversarialGame", "networks for ", classes,
        " classes need data with labels");
}

// Of its own, without moving the game's.
Rng AdversarialGame::draws() const { return Rng(rng_).split(); }

AdversarialRound AdversarialGame::discriminator_round(Batches& data) {
  check_fits(data.dataset());
  const std::int64_t epoch = data.position().epoch, n = data.batch_size();
  Batch batch = data.next();
  if (!batch.labels.defined()) batch.labels = Tensor::zeros({n}, {.dtype = DType::int64});
  return {batch.pictures, batch.labels, rng_.normal({n, latents().shape[0]}), draws(), epoch};
}

AdversarialRound AdversarialGame::generator_round(const AdversarialRound& last) {
  const std::int64_t n = last.labels.size(0);
  AdversarialRound round = last;  // pairs of one class, as in R3GAN
  if (adversarial_loss(options_.loss).generator_scores == GeneratorScores::fake) {
    round.real = {};
    round.labels = rng_.integers({n}, std::max<std::int64_t>(1, latents().classes));
  }
  round.z = rng_.normal({n, latents().shape[0]});
  round.draws = draws();
  return round;
}

void AdversarialGame::report(const LossTerms& terms, Losses& losses) {
  for (const LossTerm& term : terms) {
    const double value = term.value.item();
    losses.terms[term.name] = value;
    if (const auto lazy = lazy_.find(term.name); lazy != lazy_.end()) lazy->second = value;
  }
}

void AdversarialGame::update_discriminator(const AdversarialRound& round, Losses& losses) {
  const bool due = steps_ % options_.regularisers.r1_interval == 0;
  DiscriminatorLoss d = discriminator_loss(options_, networks_, round, due ? Penalty::with : Penalty::without);
  losses.real = mean(d.real.detach()).item();
  losses.fake = mean(d.fake.detach()).item();
  if (options_.regularisers.r1_gamma > 0) losses.terms["r1"] = lazy_["r1"];
  if (options_.regularisers.r2_gamma > 0) losses.terms["r2"] = lazy_["r2"];
  report(d.terms, losses);
  losses.discriminator = finite(d.loss, "discriminator", steps_);
  if (options_.regularisers.lecam > 0) static_cast<void>(networks_.lecam(d.real.detach(), d.fake.detach()));
  d.terms.clear();
  discriminator_optimizer_.step(grad(std::move(d.loss), discriminator_optimizer_.parameters()));
  if (options_.regularisers.clip > 0) clip_weights(discriminator_optimizer_.parameters(), options_.regularisers.clip);
}

void AdversarialGame::update_generator(const AdversarialRound& round, Losses& losses) {
  GeneratorLoss g = generator_loss(options_, networks_, round);
  report(g.terms, losses);
  losses.generator = finite(g.loss, "generator", steps_);
  g.terms.clear();
  generator_optimizer_.step(grad(std::move(g.loss), generator_optimizer_.parameters()));
}

Tensor AdversarialGame::sample(const Tensor& z, const Tensor& labels) {
  const NoGrad no_grad;
  return ema_.model(z, labels_for(ema_.model, labels), {.mode = Mode::eval}).value();
}

StateDict AdversarialGame::state() {
  StateDict all;
  const auto add = [&](const std::string& prefix, StateDict part) {
    for (auto& [name, tensor] : part) all[prefix + "." + name] = std::move(tensor);
  };
  add("generator", state_dict(networks_.generator));
  add("discriminator", state_dict(networks_.discriminator));
  add("generator_ema", state_dict(ema_.model));
  add("generator_optimizer", state_dict(generator_optimizer_));
  add("discriminator_optimizer", state_dict(discriminator_optimizer_));
  if (options_.regularisers.lecam > 0) add("lecam", state_dict(networks_.lecam));
  all["rng"] =
      Tensor::from({std::bit_cast<std::int64_t>(rng_.seed()), std::bit_cast<std::int64_t>(rng_.counter())}, {2});
  for (const auto& [name, value] : lazy_) all[name] = Tensor::from({value}, {});
  all["step"] = Tensor::from({steps_}, {});
  return all;
}

void AdversarialGame::load_state(const StateDict& given) {
  StateDict own = state();
  duel::load_state(own, given, "the checkpoint");
  const std::vector<std::int64_t> rng = own["rng"].to_vector<std::int64_t>();
  rng_ = Rng(std::bit_cast<std::uint64_t>(rng[0]), std::bit_cast<std::uint64_t>(rng[1]));
  for (auto& [name, value] : lazy_) value = own[name].item();
  steps_ = own["step"].data<std::int64_t>()[0];
}

}  // namespace duel
