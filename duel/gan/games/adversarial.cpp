#include "duel/gan/games/adversarial.h"

#include <algorithm>

#include "duel/autograd/ops.h"
#include "duel/gan/augment.h"
#include "duel/gan/divergence_watch.h"
#include "duel/gan/games/adversarial_losses.h"
#include "duel/gan/pictures.h"

namespace duel {
namespace {

constexpr std::int64_t kMaxColumns = 10, kRows = 8;  // of a snapshot

// Discriminator updates in a step.
std::int64_t d_steps_at(const AdversarialGameOptions& o, std::int64_t step) {
  const DiscriminatorBoost& boost = o.d_boost;
  const bool boosted = boost.d_steps > 0 && (step < boost.first || (boost.every > 0 && step % boost.every == 0));
  return boosted ? boost.d_steps : o.d_steps;
}

void check_burn_in(const AdversarialGameOptions& o) {
  const BurnInOptions& b = o.burn_in;
  validate(b);
  for (const OptimizerOptions* side : {&o.generator_optimizer, &o.discriminator_optimizer})
    check(!b.beta2 || side->kind == OptimizerKind::adam || side->kind == OptimizerKind::adamw, "AdversarialGame",
          "the burn-in changes Adam's beta2, which ", name_of(side->kind), " has not");
  check(!b.augment_probability || (!o.ada && !o.regularisers.augment.empty()), "AdversarialGame",
        "the burn-in changes how likely augmentations are: name parts of DiffAugment in augment, and leave out ADA, "
        "which changes it too");
}

void check_options(const AdversarialGameOptions& o) {
  validate(o.regularisers);
  const RegulariserOptions& r = o.regularisers;
  check_targets("AdversarialGame", o.loss, r.targets);
  check(r.top_k == 1 || o.discriminator.get("conditioning").value_or("") != "multi_hinge", "AdversarialGame",
        "top_k chooses pictures by their one score, and this discriminator gives one for each class: leave it out");
  check(o.d_steps >= 1 && o.g_steps >= 1, "AdversarialGame", "d_steps and g_steps must be 1 or more, got ", o.d_steps,
        " and ", o.g_steps);
  check(o.d_boost.d_steps >= 0 && o.d_boost.first >= 0 && o.d_boost.every >= 0, "AdversarialGame",
        "the numbers of d_boost must not be negative, got ", o.d_boost.d_steps, ", ", o.d_boost.first, " and ",
        o.d_boost.every);
  check_burn_in(o);
  const bool turns = o.adaptive.discriminator || o.adaptive.generator;
  check(!turns || o.d_boost.d_steps == 0, "AdversarialGame",
        "d_boost is about updates per step, and with a switcher each step is one update: leave out one of them");
  check(!o.ada || !r.augment.empty(), "AdversarialGame",
        "adaptive augmentation needs something to adapt: name parts of DiffAugment in augment");
  check(o.ema_half_life >= 0 && o.ema_rampup >= 0, "AdversarialGame",
        "ema_half_life and ema_rampup must not be negative, got ", o.ema_half_life, " and ", o.ema_rampup);
  check(o.ema_interval >= 1 && (o.ema_interval == 1 || !turns), "AdversarialGame",
        "ema_interval must be 1 or more, and 1 where steps are turns, got ", o.ema_interval);
  check(o.order == UpdateOrder::separate ||
            (o.d_steps == 1 && o.g_steps == 1 && o.d_boost.d_steps == 0 && o.learning.accumulations == 1),
        "AdversarialGame", "updates that share their pictures must be one of each per step, without accumulation, got ",
        o.d_steps, " and ", o.g_steps, ", accumulations ", o.learning.accumulations);
  check(
      o.loss.name != "wgan" || has_spectral_norm(o.discriminator) || r.clip > 0 || r.r1_gamma > 0 ||
          r.gradient_penalty > 0 || r.max_gradient_penalty > 0 || r.dragan > 0,
      "AdversarialGame",
      "the loss 'wgan' has no bound by itself: limit the discriminator's weights with clip (0.01 in the paper), or its "
      "gradient with gradient_penalty (10) or r1_gamma");
}

// Of a picture, which need not be any.
void check_gives_features(Network& discriminator, Device device) {
  const NoGrad no_grad;
  const Shape& s = discriminator.input().shape;
  const Tensor picture = Tensor::zeros({1, s[0], s[1], s[2]}, {.device = device}),
               label = Tensor::zeros({1}, {.dtype = DType::int64, .device = device});
  const Judgement judged =
      discriminator.judge(picture, labels_for(discriminator, label), PictureOrigin::real, {.mode = Mode::eval});
  check(judged.classes.features.defined(), "AdversarialGame",
        "feature_matching compares features, and this discriminator gives scores alone: leave it out, or take one of "
        "the networks of SNGAN and BigGAN");
}

OptimizerOptions discriminator_optimizer(const AdversarialGameOptions& o) {
  const RegulariserOptions& r = o.regularisers;
  return r.lazy_betas ? lazy(o.discriminator_optimizer, r.r1_interval) : o.discriminator_optimizer;
}

// 0, 1, ... one class per column, again and again.
Tensor column_labels(std::int64_t columns, std::int64_t rows) {
  std::vector<std::int64_t> labels(static_cast<std::size_t>(columns * rows));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i) % columns;
  return Tensor::from(labels, {columns * rows});
}

}  // namespace

AdversarialGame::AdversarialGame(const Options& o)
    : Game(o.seed, o.place),
      given_((check_options(o), o)),
      options_(o),
      networks_{placed(o.generator.make(rng_)), placed(make_discriminator(rng_, o.discriminator, o.loss)),
                placed(LeCamPenalty())},
      generator_player_("generator", networks_.generator, o.generator_optimizer, o.learning),
      discriminator_player_("discriminator", networks_.discriminator, discriminator_optimizer(o), o.learning),
      ema_(networks_.generator, o.ema_decay, o.ema_start, o.ema_buffers),
      discriminator_step_(o.place.device, o.place.capture),
      generator_step_(o.place.device, o.place.capture) {
  lazy_["r1"] = Tensor::from({0.0}, {});
  if (o.regularisers.r2_gamma > 0) lazy_["r2"] = Tensor::from({0.0}, {});
  if (o.adaptive.discriminator || o.adaptive.generator) switcher_.emplace(o.adaptive);
  if (o.ada) ada_.emplace(*o.ada);
  if (o.regularisers.feature_matching > 0) check_gives_features(networks_.discriminator, o.place.device);
  check(latents().shape.dim() == 1, "AdversarialGame",
        "this generator makes pictures of pictures, and the game has noise for it");
  const std::int64_t told = latents().classes, asked = pictures().classes;
  check(told == 0 || asked == 0 || told == asked, "AdversarialGame", "the generator knows ", told,
        " classes, the discriminator ", asked);
  check(o.loss.generator_scores == GeneratorScores::fake || o.regularisers.top_k == 1, "AdversarialGame",
        "top_k chooses among generated pictures, and the loss '", o.loss.name,
        "' compares each with a real one: leave out one of them");
}

std::int64_t AdversarialGame::batches_per_step() const {
  return (switcher_ ? 1 : options_.d_steps) * options_.learning.accumulations;
}

Numbers AdversarialGame::play(DataLoader& data) {
  Numbers numbers;
  if (switcher_) {
    take_turn(data, numbers);
    return numbers;
  }
  for (const char* name : {"d_loss", "g_loss", "d_real", "d_fake"}) numbers[name] = 0;
  if (options_.order == UpdateOrder::separate) {
    Rounds rounds;  // of the last discriminator update
    for (std::int64_t i = 0, n = d_steps_at(options_, steps()); i < n; ++i) {
      rounds = discriminator_rounds(data);
      update_discriminator(rounds, numbers);
    }
    for (std::int64_t i = 0; i < options_.g_steps; ++i) {
      const Rounds next = generator_rounds(rounds);
      if (i + 1 == options_.g_steps)
        average_after(data.batch_size());
      else
        generator_player_.optimizer().set_averages({});
      update_generator(next, numbers);
    }
  } else {
    const AdversarialRound round = discriminator_round(data);
    average_after(data.batch_size());
    update_together(round, numbers);
  }
  return numbers;
}

// One update, of one side.
void AdversarialGame::take_turn(DataLoader& data, Numbers& numbers) {
  if (switcher_->turn() == Turn::discriminator) {
    update_discriminator(discriminator_rounds(data), numbers);
    switcher_->observe(numbers["d_loss"]);
  } else {
    Rounds rounds;
    for (std::int64_t i = 0; i < options_.learning.accumulations; ++i)
      rounds.push_back(generator_round(discriminator_round(data)));
    average_after(data.batch_size());
    update_generator(rounds, numbers);
    switcher_->observe(numbers["g_loss"]);
  }
}

std::int64_t AdversarialGame::batches_until(std::int64_t steps) const {
  if (switcher_) return steps * batches_per_step();
  const DiscriminatorBoost& boost = options_.d_boost;
  std::int64_t boosted = 0;
  if (boost.d_steps > 0) {
    const auto multiples_below = [&](std::int64_t n) {
      return boost.every > 0 ? (n + boost.every - 1) / boost.every : 0;
    };
    boosted = std::min(steps, boost.first);
    if (steps > boost.first) boosted += multiples_below(steps) - multiples_below(boost.first);
  }
  return ((steps - boosted) * options_.d_steps + boosted * boost.d_steps) * options_.learning.accumulations;
}

void AdversarialGame::burn_in(std::int64_t batch) {
  const BurnInOptions& b = given_.burn_in;
  const std::int64_t seen = steps() * batch * given_.learning.accumulations;
  burning_in_ = seen < b.images;
  const auto set = [&](double& value, double first, const std::optional<double>& last) {
    value = duel::burn_in(b, first, last, seen);
  };
  const RegulariserOptions& first = given_.regularisers;
  RegulariserOptions& r = options_.regularisers;
  set(r.r1_gamma, first.r1_gamma, b.r1_gamma);
  set(r.r2_gamma, first.r2_gamma, b.r2_gamma);
  set(r.augment_probability, first.augment_probability, b.augment_probability);
  set(options_.ema_half_life, given_.ema_half_life, b.ema_half_life);
  if (!b.beta2) return;
  set(options_.generator_optimizer.beta2, given_.generator_optimizer.beta2, b.beta2);
  set(options_.discriminator_optimizer.beta2, given_.discriminator_optimizer.beta2, b.beta2);
  generator_player_.optimizer().set_beta2(options_.generator_optimizer.beta2);
  discriminator_player_.optimizer().set_beta2(discriminator_optimizer(options_).beta2);
}

void AdversarialGame::average_after(std::int64_t batch) {
  Optimizer& optimizer = generator_player_.optimizer();
  const std::int64_t late = steps() + 1 - options_.ema_start;
  if (late > 0 && late % options_.ema_interval != 0) return optimizer.set_averages({});
  const auto seen = batch * options_.learning.accumulations;
  if (options_.ema_half_life > 0 || options_.burn_in.ema_half_life) {
    const std::optional<double> ramp = options_.ema_rampup > 0 ? std::optional(options_.ema_rampup) : std::nullopt;
    ema_.set_decay(ema_decay(options_.ema_half_life, seen * options_.ema_interval, (steps() + 1) * seen, ramp));
  }
  optimizer.set_averages(ema_.averages(networks_.generator, steps()));
}

void AdversarialGame::check_fits(const BatchShape& data) const {
  const NetworkInput &model = pictures(), &noise = latents();
  const std::int64_t classes = std::max(model.classes, noise.classes);
  check(data.picture == model.shape && (classes == 0 || data.classes <= classes), "AdversarialGame", "the pictures ",
        data.picture, " of ", data.classes, " classes do not fit networks for ", model.shape, " and ", classes,
        " classes");
  check(data.classes > 0 || classes <= 1, "AdversarialGame", "networks for ", classes,
        " classes need data with labels");
}

AdversarialRound AdversarialGame::discriminator_round(DataLoader& data) {
  check_fits(data.shape());
  burn_in(data.batch_size());
  const std::int64_t epoch = data.position().epoch, n = data.batch_size();
  Batch batch = next_batch(data);
  if (!batch.labels.defined()) batch.labels = Tensor::zeros({n}, {.dtype = DType::int64, .device = place().device});
  const auto augmentation =
      ada_ ? Probability(ada_->probability_on(place().device)) : Probability(options_.regularisers.augment_probability);
  return {batch.pictures, batch.labels, options_.noise(rng_, {n, latents().shape[0]}).to(place().device),
          draws(),        epoch,        augmentation};
}

AdversarialRound AdversarialGame::generator_round(const AdversarialRound& last) {
  const std::int64_t n = last.labels.size(0);
  AdversarialRound round = last;  // pairs of one class, as in R3GAN
  if (!compares_with_real(options_)) {
    round.real = {};
    round.labels = rng_.integers({n}, std::max<std::int64_t>(1, latents().classes)).to(place().device);
  }
  round.z = options_.noise(rng_, {n, latents().shape[0]}).to(place().device);
  round.draws = draws();
  return round;
}

// With a graph, and the noise that the losses would have drawn for it.
Variable AdversarialGame::generate(const AdversarialRound& round) {
  Rng draws = round.draws;
  return networks_.generator(round.z, labels_for(networks_.generator, round.labels), {.rng = &draws});
}

AdversarialGame::Rounds AdversarialGame::discriminator_rounds(DataLoader& data) {
  Rounds rounds;
  for (std::int64_t i = 0; i < options_.learning.accumulations; ++i) rounds.push_back(discriminator_round(data));
  return rounds;
}

AdversarialGame::Rounds AdversarialGame::generator_rounds(const Rounds& last) {
  Rounds rounds;
  for (const AdversarialRound& round : last) rounds.push_back(generator_round(round));
  return rounds;
}

Penalty AdversarialGame::penalty() const {
  return steps() % options_.regularisers.r1_interval == 0 ? Penalty::with : Penalty::without;
}

namespace {

constexpr const char kRealScores[] = "real scores", kFakeScores[] = "fake scores";

// That lies on the device; undefined if it is a number.
Tensor adaptive_probability(const AdversarialRound& round) {
  const Tensor* adaptive = std::get_if<Tensor>(&round.augmentation);
  return adaptive ? *adaptive : Tensor();
}

CapturedStep::Inputs inputs_of(std::string variant, const std::vector<AdversarialRound>& rounds) {
  CapturedStep::Inputs inputs{std::move(variant), {}, {}};
  for (const AdversarialRound& round : rounds) {
    inputs.tensors.insert(inputs.tensors.end(), {round.real, round.labels, round.z, adaptive_probability(round)});
    inputs.draws.push_back(round.draws);
  }
  return inputs;
}

// `rounds` with what was put into the inputs.
std::vector<AdversarialRound> rounds_of(const CapturedStep::Inputs& inputs, std::vector<AdversarialRound> rounds) {
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    const Tensor* given = &inputs.tensors[4 * i];
    rounds[i].real = given[0];
    rounds[i].labels = given[1];
    rounds[i].z = given[2];
    if (given[3].defined()) rounds[i].augmentation = given[3];
    rounds[i].draws = inputs.draws[i];
  }
  return rounds;
}

// What an update depends on besides tensors and random numbers.
std::string variant(const AdversarialGameOptions& o, Penalty penalty, const AdversarialRound& round) {
  const RegulariserOptions& r = o.regularisers;
  const std::int64_t n = round.z.size(0);
  const double* augmentation = std::get_if<double>(&round.augmentation);
  return cat(penalty == Penalty::with ? "with" : "without", " penalty, best ",
             r.top_k < 1 ? top_k_at(round.epoch, n, {.gamma = r.top_k_gamma, .nu = r.top_k}) : n, ", augmented ",
             augmentation ? cat(*augmentation) : "adaptively");
}

const Tensor& output(const CapturedStep::Outputs& outputs, std::string_view name) {
  return std::find_if(outputs.begin(), outputs.end(), [&](const auto& o) { return o.first == name; })->second;
}

// To be told, when the graph is gone.
LossTerms detached(LossTerms terms) {
  for (LossTerm& term : terms) term.value = term.value.detach();
  return terms;
}

void add_terms(CapturedStep::Outputs& outputs, const std::string& prefix, const LossTerms& terms) {
  for (const LossTerm& term : terms) outputs.emplace_back(prefix + term.name, term.value.value());
}

}  // namespace

AdversarialGame::Outputs AdversarialGame::learn_discriminator(const Rounds& rounds, Penalty penalty, Doing doing) {
  Outputs outputs;
  std::vector<ScorePair> scores;
  LossTerms terms;
  std::vector<std::function<Variable()>> losses;
  for (const AdversarialRound& round : rounds)
    losses.emplace_back([&] {
      DiscriminatorLoss d = discriminator_loss(options_, networks_, round, penalty);
      scores.push_back({d.real.detach(), d.fake.detach()});
      terms = detached(d.terms);
      return std::move(d.loss);
    });
  outputs.emplace_back("d_loss", discriminator_player_.learn(losses, doing));
  add_terms(outputs, "d:", terms);
  for (const ScorePair& pair : scores) {
    outputs.emplace_back(kRealScores, pair.real.value());
    outputs.emplace_back(kFakeScores, pair.fake.value());
    if (options_.regularisers.lecam > 0) static_cast<void>(networks_.lecam(pair.real, pair.fake));
  }
  if (options_.regularisers.clip > 0)
    clip_weights(discriminator_player_.optimizer().parameters(), options_.regularisers.clip);
  return outputs;
}

AdversarialGame::Outputs AdversarialGame::learn_generator(const Rounds& rounds, Doing doing) {
  Outputs outputs;
  LossTerms terms;
  std::vector<std::function<Variable()>> losses;
  for (const AdversarialRound& round : rounds)
    losses.emplace_back([&] {
      GeneratorLoss g = generator_loss(options_, networks_, round);
      terms = detached(g.terms);
      return std::move(g.loss);
    });
  outputs.emplace_back("g_loss", generator_player_.learn(losses, doing));
  add_terms(outputs, "g:", terms);
  return outputs;
}

AdversarialGame::Outputs AdversarialGame::learn_together(AdversarialRound round, Penalty penalty, Doing doing) {
  Outputs outputs;
  round.fake = generate(round);
  const auto generator = [&] {
    for (auto& o : learn_generator({round}, doing)) outputs.push_back(std::move(o));
  };
  if (options_.order == UpdateOrder::generator_first) generator();
  for (auto& o : learn_discriminator({round}, penalty, doing)) outputs.push_back(std::move(o));
  if (options_.order == UpdateOrder::shared) generator();
  return outputs;
}

// Recorded, unless more than tensors and random numbers changes from step to step.
CapturedStep::Outputs AdversarialGame::run(CapturedStep& step, const Rounds& rounds, Penalty penalty,
                                           const CapturedStep::Work& work, const std::vector<Player*>& players) {
  const CapturedStep::Inputs inputs = inputs_of(variant(options_, penalty, rounds[0]), rounds);
  if (burning_in_) return work(inputs, Doing::now);
  return learn(step, inputs, work, players);
}

void AdversarialGame::update_discriminator(const Rounds& rounds, Numbers& numbers) {
  const Penalty due = penalty();
  const auto work = [&](const CapturedStep::Inputs& in, Doing doing) {
    return learn_discriminator(rounds_of(in, rounds), due, doing);
  };
  tell_discriminator(run(discriminator_step_, rounds, due, work, {&discriminator_player_}), due, numbers);
}

void AdversarialGame::update_generator(const Rounds& rounds, Numbers& numbers) {
  const auto work = [&](const CapturedStep::Inputs& in, Doing doing) {
    return learn_generator(rounds_of(in, rounds), doing);
  };
  tell_generator(run(generator_step_, rounds, Penalty::without, work, {&generator_player_}), numbers);
}

void AdversarialGame::update_together(const AdversarialRound& round, Numbers& numbers) {
  const Penalty due = penalty();
  const auto work = [&](const CapturedStep::Inputs& in, Doing doing) {
    return learn_together(rounds_of(in, {round})[0], due, doing);
  };
  const Outputs outputs = run(discriminator_step_, {round}, due, work, players());
  if (options_.order == UpdateOrder::generator_first) tell_generator(outputs, numbers);
  tell_discriminator(outputs, due, numbers);
  if (options_.order == UpdateOrder::shared) tell_generator(outputs, numbers);
}

void AdversarialGame::tell_terms(const Outputs& outputs, std::string_view prefix, Numbers& numbers) {
  for (const auto& [name, value] : outputs) {
    if (!name.starts_with(prefix)) continue;
    const std::string term = name.substr(prefix.size());
    numbers[term] = value.item();
    if (const auto lazy = lazy_.find(term); lazy != lazy_.end()) lazy->second.mutable_data<double>()[0] = numbers[term];
  }
}

void AdversarialGame::tell_discriminator(const Outputs& outputs, Penalty due, Numbers& numbers) {
  const RegulariserOptions& r = options_.regularisers;
  last_scores_ = {output(outputs, kRealScores), output(outputs, kFakeScores)};
  for (const auto& [name, value] : outputs) {  // of the last round
    if (name == kRealScores) last_scores_.real = value;
    if (name == kFakeScores) last_scores_.fake = value;
    if (ada_ && name == kRealScores) ada_->observe(value);
  }
  const bool kept = due == Penalty::with && (r.r1_gamma > 0 || r.r2_gamma > 0) && r.r1_interval > 1;
  if (!tells() && !kept && !switcher_) return;
  numbers["d_loss"] = discriminator_player_.value_of(output(outputs, "d_loss"));
  if (r.r1_gamma > 0) numbers["r1"] = lazy_.at("r1").item();
  if (r.r2_gamma > 0) numbers["r2"] = lazy_.at("r2").item();
  tell_terms(outputs, "d:", numbers);
  numbers["d_real"] = mean(last_scores_.real).item();
  numbers["d_fake"] = mean(last_scores_.fake).item();
  if (const auto between = options_.loss.boundary)
    numbers["d_accuracy"] = discriminator_accuracy(last_scores_.real.value().to(Device::cpu),
                                                   last_scores_.fake.value().to(Device::cpu), *between);
  if (ada_) numbers["augmentation"] = ada_->probability();
}

void AdversarialGame::tell_generator(const Outputs& outputs, Numbers& numbers) {
  if (!tells() && !switcher_) return;
  numbers["g_loss"] = generator_player_.value_of(output(outputs, "g_loss"));
  tell_terms(outputs, "g:", numbers);
}

std::vector<std::pair<std::string, Network*>> AdversarialGame::networks() {
  return {
      {"generator", &networks_.generator}, {"discriminator", &networks_.discriminator}, {"generator_ema", &ema_.model}};
}

void AdversarialGame::prepare_snapshot(Rng& draws, const DataLoader& data) {
  const std::int64_t classes = latents().classes;
  shown_labels_ = classes > 1 ? column_labels(std::min(classes, kMaxColumns), kRows)
                              : Tensor::zeros({kRows * kRows}, {.dtype = DType::int64});
  shown_z_ = options_.noise(draws, {shown_labels_.size(0), latents().shape[0]});
  real_spread_ = picture_spread(data.spread(shown_labels_.size(0)).pictures);
}

Tensor AdversarialGame::snapshot() {
  return picture_grid(to_uint8(sample(shown_z_, shown_labels_)), shown_labels_.size(0) / kRows);
}

std::optional<double> AdversarialGame::diversity() {
  if (real_spread_ == 0) return {};
  return picture_spread(sample(shown_z_, shown_labels_).to(Device::cpu)) / real_spread_;
}

std::vector<std::pair<std::string, Tensor>> AdversarialGame::distributions() const {
  if (!last_scores_.real.defined()) return {};
  return {{"logits/real", last_scores_.real.value()}, {"logits/fake", last_scores_.fake.value()}};
}

Tensor AdversarialGame::sample(const Tensor& z, const Tensor& labels) {
  const NoGrad no_grad;
  const auto here = [&](const Tensor& t) { return t.defined() ? t.to(place().device) : t; };
  return ema_.model(here(z), here(labels_for(ema_.model, labels)), {.mode = Mode::eval}).value();
}

void AdversarialGame::visit(Visitor& v) {
  v.child("generator", networks_.generator);
  v.child("discriminator", networks_.discriminator);
  v.child("generator_ema", ema_.model);
  v.child("generator_optimizer", generator_player_);
  v.child("discriminator_optimizer", discriminator_player_);
  if (options_.regularisers.lecam > 0) v.child("lecam", networks_.lecam);
  if (switcher_) v.child("switcher", *switcher_);
  if (ada_) v.child("ada", *ada_);
  for (auto& [name, value] : lazy_) v.buffer(name, value);
}

}  // namespace duel
