#include "duel/gan/games/conditional.h"

#include <bit>
#include <cmath>

#include "duel/autograd/ops.h"
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

ConditionalGame::ConditionalGame(const Options& o)
    : options_(o),
      loss_(&adversarial_loss(o.loss)),
      rng_(o.seed),
      generator_(rng_, o.model),
      discriminator_(rng_, o.model),
      generator_optimizer_(generator_, o.generator),
      discriminator_optimizer_(discriminator_, o.discriminator),
      ema_(generator_, o.ema_decay, o.ema_start) {
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
  check_fits(data.dataset(), options_.model);
  Losses losses;
  for (std::int64_t i = 0; i < options_.d_steps; ++i) {
    Batch batch = data.next();
    if (!batch.labels.defined()) batch.labels = Tensor::zeros({data.batch_size()}, {.dtype = DType::int64});
    losses.discriminator = update_discriminator(batch, losses);
  }
  losses.generator = update_generator(data.batch_size());
  ema_.update(generator_, steps_);
  ++steps_;
  return losses;
}

double ConditionalGame::update_discriminator(const Batch& batch, Losses& losses) {
  const auto& [real, labels] = batch;
  const Critic critic = [&, this](const Variable& x) { return discriminator_(x, labels); };
  const Variable fake = [&] {
    const NoGrad no_grad;
    return generator_(noise(real.size(0)), labels);
  }();
  const Variable on_real = critic(real), on_fake = critic(fake);
  losses.real = mean(on_real.detach()).item();
  losses.fake = mean(on_fake.detach()).item();
  Variable loss = loss_->discriminator(on_real, on_fake);
  if (options_.r1_gamma > 0 && steps_ % options_.r1_interval == 0) {
    const Variable r1 = r1_penalty(critic, real, options_.r1_gamma);
    r1_ = r1.item();
    loss = loss + static_cast<double>(options_.r1_interval) * r1;
  }
  losses.r1 = r1_;
  const double value = finite(loss, "discriminator", steps_);
  discriminator_optimizer_.step(grad(std::move(loss), discriminator_optimizer_.parameters()));
  if (options_.clip > 0) clip_weights(discriminator_optimizer_.parameters(), options_.clip);
  return value;
}

double ConditionalGame::update_generator(std::int64_t batch_size) {
  const Tensor labels = rng_.integers({batch_size}, options_.model.classes);
  Variable loss = loss_->generator(discriminator_(generator_(noise(batch_size), labels), labels));
  const double value = finite(loss, "generator", steps_);
  generator_optimizer_.step(grad(std::move(loss), generator_optimizer_.parameters()));
  return value;
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
