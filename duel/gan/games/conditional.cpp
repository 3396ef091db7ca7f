#include "duel/gan/games/conditional.h"

#include <bit>
#include <cmath>

#include "duel/autograd/ops.h"
#include "duel/gan/critic.h"
#include "duel/gan/penalties.h"

namespace duel {
namespace {

double finite(const Variable& loss, const char* which, std::int64_t step) {
  const double value = loss.item();
  check(std::isfinite(value), "training", "the ", which, "'s loss became ", value, " in step ", step,
        "; nothing was updated with it. Lower the learning rate, or go back to an earlier checkpoint");
  return value;
}

void check_fits(const Dataset& data, const ConditionalDcganOptions& model) {
  const Shape wanted{data.size(), model.channels, model.size.h, model.size.w};
  check(data.pictures.shape() == wanted && data.classes <= model.classes, "ConditionalGame", "the pictures ",
        data.pictures, " of ", data.classes, " classes do not fit a model of ", wanted, " and ", model.classes,
        " classes");
  check(data.labels.defined() || model.classes == 1, "ConditionalGame", "a model of ", model.classes,
        " classes needs data with labels");
}

}  // namespace

DiscriminatorLoss discriminator_loss(const ConditionalGameOptions& o, ConditionalDcganGenerator& generator,
                                     ConditionalDcganDiscriminator& discriminator, const ConditionalRound& round,
                                     Penalty penalty) {
  const Variable fake = [&] {
    const NoGrad no_grad;
    return generator(round.z, round.labels);
  }();
  DiscriminatorLoss d;
  const Tensor labels = concat({round.labels, round.labels}, 0).value();
  const ScorePair scores =
      scores_of_both([&](const Variable& x) { return discriminator(x, labels); }, round.real, fake);
  d.real = scores.real;
  d.fake = scores.fake;
  d.loss = adversarial_loss(o.loss).discriminator(d.real, d.fake);
  if (penalty == Penalty::with && o.r1_gamma > 0) {
    const Critic critic = [&](const Variable& x) { return discriminator(x, round.labels); };
    d.r1 = r1_penalty(critic, round.real, o.r1_gamma);
    d.loss = d.loss + static_cast<double>(o.r1_interval) * d.r1;
  }
  return d;
}

Variable generator_loss(const ConditionalGameOptions& o, ConditionalDcganGenerator& generator,
                        ConditionalDcganDiscriminator& discriminator, const ConditionalRound& round) {
  const AdversarialLoss& loss = adversarial_loss(o.loss);
  Variable real;
  if (loss.generator_scores == GeneratorScores::real_and_fake) {
    const NoGrad no_grad;
    real = discriminator(round.real, round.labels);
  }
  return loss.generator(real, discriminator(generator(round.z, round.labels), round.labels));
}

ConditionalGame::ConditionalGame(const Options& o)
    : options_(o),
      rng_(o.seed),
      generator_(rng_, o.model),
      discriminator_(rng_, o.model),
      generator_optimizer_(generator_, o.generator),
      discriminator_optimizer_(discriminator_, o.discriminator),
      ema_(generator_, o.ema_decay, o.ema_start) {
  static_cast<void>(adversarial_loss(o.loss));  // throws if there is none of that name
  check(o.loss != "gan", "ConditionalGame",
        "the loss 'gan' is for probabilities, this discriminator gives logits: use "
        "'vanilla'");
  check(o.d_steps >= 1 && o.r1_interval >= 1 && o.r1_gamma >= 0 && o.clip >= 0, "ConditionalGame",
        "d_steps and r1_interval must be at least 1, r1_gamma and clip not negative");
  check(
      o.loss != "wgan" || o.clip > 0 || o.r1_gamma > 0, "ConditionalGame",
      "the loss 'wgan' has no bound by itself: limit the discriminator's weights with clip (0.01 in the paper), or its "
      "gradient with r1_gamma");
}

ConditionalGame::Losses ConditionalGame::step(Batches& data) {
  Losses losses;
  ConditionalRound round;
  for (std::int64_t i = 0; i < options_.d_steps; ++i) {
    round = discriminator_round(data);
    update_discriminator(round, losses);
  }
  update_generator(generator_round(round), losses);
  ema_.update(generator_, steps_);
  ++steps_;
  return losses;
}

ConditionalRound ConditionalGame::discriminator_round(Batches& data) {
  check_fits(data.dataset(), options_.model);
  Batch batch = data.next();
  if (!batch.labels.defined()) batch.labels = Tensor::zeros({data.batch_size()}, {.dtype = DType::int64});
  return {batch.pictures, batch.labels, noise(data.batch_size())};
}

ConditionalRound ConditionalGame::generator_round(const ConditionalRound& last) {
  const std::int64_t n = last.labels.size(0);
  ConditionalRound round = last;  // pairs of one class, as in R3GAN
  if (adversarial_loss(options_.loss).generator_scores == GeneratorScores::fake)
    round = {{}, rng_.integers({n}, options_.model.classes), {}};
  round.z = noise(n);
  return round;
}

void ConditionalGame::update_discriminator(const ConditionalRound& round, Losses& losses) {
  const bool due = steps_ % options_.r1_interval == 0;
  DiscriminatorLoss d =
      discriminator_loss(options_, generator_, discriminator_, round, due ? Penalty::with : Penalty::without);
  losses.real = mean(d.real.detach()).item();
  losses.fake = mean(d.fake.detach()).item();
  if (d.r1.defined()) r1_ = d.r1.item();
  losses.r1 = r1_;
  losses.discriminator = finite(d.loss, "discriminator", steps_);
  discriminator_optimizer_.step(grad(std::move(d.loss), discriminator_optimizer_.parameters()));
  if (options_.clip > 0) clip_weights(discriminator_optimizer_.parameters(), options_.clip);
}

void ConditionalGame::update_generator(const ConditionalRound& round, Losses& losses) {
  Variable loss = generator_loss(options_, generator_, discriminator_, round);
  losses.generator = finite(loss, "generator", steps_);
  generator_optimizer_.step(grad(std::move(loss), generator_optimizer_.parameters()));
}

Tensor ConditionalGame::sample(const Tensor& z, const Tensor& labels) {
  const NoGrad no_grad;
  return ema_.model(z, labels, {.mode = Mode::eval}).value();
}

StateDict ConditionalGame::state() {
  StateDict all;
  const auto add = [&](const std::string& prefix, StateDict part) {
    for (auto& [name, tensor] : part) all[prefix + "." + name] = std::move(tensor);
  };
  add("generator", state_dict(generator_));
  add("discriminator", state_dict(discriminator_));
  add("generator_ema", state_dict(ema_.model));
  add("generator_optimizer", state_dict(generator_optimizer_));
  add("discriminator_optimizer", state_dict(discriminator_optimizer_));
  all["rng"] =
      Tensor::from({std::bit_cast<std::int64_t>(rng_.seed()), std::bit_cast<std::int64_t>(rng_.counter())}, {2});
  all["r1"] = Tensor::from({r1_}, {});
  all["step"] = Tensor::from({steps_}, {});
  return all;
}

void ConditionalGame::load_state(const StateDict& given) {
  StateDict own = state();
  duel::load_state(own, given, "the checkpoint");
  const std::vector<std::int64_t> rng = own["rng"].to_vector<std::int64_t>();
  rng_ = Rng(std::bit_cast<std::uint64_t>(rng[0]), std::bit_cast<std::uint64_t>(rng[1]));
  r1_ = own["r1"].item();
  steps_ = own["step"].data<std::int64_t>()[0];
}

}  // namespace duel
