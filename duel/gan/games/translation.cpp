#include "duel/gan/games/translation.h"

#include "duel/autograd/ops.h"
#include "duel/gan/data/lab.h"
#include "duel/gan/games/show.h"
#include "duel/gan/translation_losses.h"
#include "duel/nn/losses.h"

namespace duel {
namespace {

constexpr char kAlone[] = "loss of the generator alone";  // which is told as g_pixel

}  // namespace

struct TranslationGame::Round {
  Tensor input, target;  // [N, C, H, W]
  Variable fake;         // what the generator has made of the input
  Rng draws;             // for the discriminator's dropout, and its labels
};

TranslationGame::TranslationGame(const Options& o)
    : Game(o.seed, o.place),
      options_(o),
      generator_(placed(o.generator.make(rng_))),
      discriminator_(placed(make_discriminator(rng_, o.discriminator, o.loss))),
      generator_player_("generator", generator_, o.generator_optimizer, o.learning),
      discriminator_player_("discriminator", discriminator_, o.discriminator_optimizer, o.learning),
      step_(o.place.device, o.place.capture) {
  const AdversarialLoss& loss = o.loss;
  check(loss.generator_scores == GeneratorScores::fake, "TranslationGame", "the loss '", o.loss.name,
        "' compares generated with real pictures, which this game does not; take another one");
  check_targets("TranslationGame", loss, o.targets);
  check(o.pixel_weight >= 0, "TranslationGame", "pixel_weight must not be negative, got ", o.pixel_weight);
  check(o.pretrain_generator >= 0 && o.pretrain_discriminator >= 0, "TranslationGame",
        "the steps of pretraining must not be negative, got ", o.pretrain_generator, " and ", o.pretrain_discriminator);
  check(o.order != UpdateOrder::separate, "TranslationGame",
        "both updates look at the same pictures: the order is shared or generator_first");
  check(generator_.input().shape.dim() == 3, "TranslationGame",
        "this generator makes pictures of noise, not of pictures");
  if (o.adaptive.discriminator || o.adaptive.generator) switcher_.emplace(o.adaptive);
}

void TranslationGame::check_fits(const BatchShape& data) const {
  check(data.target.dim() == 3, "TranslationGame", "the data have single pictures; translation learns from pairs");
  const std::int64_t in = generator_.input().shape[0], judged = discriminator_.input().shape[0],
                     shown = data.target[0] + (options_.judged == Judged::pair ? data.picture[0] : 0);
  check(data.picture[0] == in, "TranslationGame", "the pictures have ", data.picture[0],
        " channels, the generator takes ", in);
  check(shown == judged, "TranslationGame", "the discriminator takes ", judged, " channels, and is to be shown ",
        shown);
  check(data.picture[1] == data.target[1] && data.picture[2] == data.target[2], "TranslationGame",
        "the pictures of a pair differ in size: ", data.picture, " and ", data.target);
}

Variable TranslationGame::scores(const Variable& inputs, const Variable& pictures, Rng& draws) {
  return discriminator_(options_.judged == Judged::pair ? concat({inputs, pictures}, 1) : pictures, {},
                        {.rng = &draws});
}

Variable TranslationGame::pixel_loss(const Variable& fake, const Variable& target) const {
  return options_.pixel_weight * (options_.pixel_loss == PixelLoss::l1 ? l1(fake, target) : mse(fake, target));
}

std::vector<TranslationGame::Round> TranslationGame::rounds_of(const CapturedStep::Inputs& inputs) {
  std::vector<Round> rounds;
  for (std::size_t i = 0; i < inputs.tensors.size(); i += 2) {
    Rng own = inputs.draws[i];
    Round round{inputs.tensors[i], inputs.tensors[i + 1], {}, inputs.draws[i + 1]};
    round.fake = generator_(round.input, {}, {.rng = &own});
    check(round.fake.shape() == round.target.shape(), "TranslationGame", "the generator makes ", round.fake.shape(),
          " of ", round.input.shape(), ", the targets are ", round.target.shape(),
          "; choose sizes that its halvings divide");
    rounds.push_back(std::move(round));
  }
  return rounds;
}

TranslationGame::Learners TranslationGame::learners() const {
  if (steps() < options_.pretrain_generator) return {.generator = true, .discriminator = false, .alone = true};
  if (steps() < options_.pretrain_generator + options_.pretrain_discriminator)
    return {.generator = false, .discriminator = true};
  if (!switcher_) return {.generator = true, .discriminator = true};
  const bool discriminator = switcher_->turn() == Turn::discriminator;
  return {.generator = !discriminator, .discriminator = discriminator};
}

Numbers TranslationGame::play(DataLoader& data) {
  const Learners who = learners();
  CapturedStep::Inputs inputs{cat(who.generator, who.discriminator, who.alone), {}, {}};
  for (std::int64_t i = 0; i < options_.learning.accumulations; ++i) {
    const Batch batch = next_batch(data);
    inputs.tensors.insert(inputs.tensors.end(), {batch.pictures, batch.targets});
    Rng own = rng_.split(), judges = own.split();
    inputs.draws.insert(inputs.draws.end(), {own, judges});
  }
  std::vector<Player*> learning;
  if (who.generator) learning.push_back(&generator_player_);
  if (who.discriminator) learning.push_back(&discriminator_player_);
  const auto work = [&](const CapturedStep::Inputs& in, Doing doing) { return learn_all(in, who, doing); };
  const Outputs outputs = learn(step_, inputs, work, learning);

  Numbers numbers;
  if (who.discriminator) last_scores_.clear();
  const bool turn = switcher_ && who.generator != who.discriminator && !who.alone;
  if (who.generator && who.discriminator)
    for (const char* name : {"d_loss", "g_loss", "g_gan", "g_pixel", "d_real", "d_fake"}) numbers[name] = 0;
  for (const auto& [name, value] : outputs) {
    if (name.starts_with("logits"))
      last_scores_.emplace_back(name, value);
    else if (!tells() && !turn)
      continue;
    else if (name == kAlone)
      static_cast<void>(generator_player_.value_of(value));
    else
      numbers[name] = name == "d_loss"   ? discriminator_player_.value_of(value)
                      : name == "g_loss" ? generator_player_.value_of(value)
                                         : value.item();
  }
  if (turn && steps() >= options_.pretrain_generator + options_.pretrain_discriminator)
    switcher_->observe(numbers[who.discriminator ? "d_loss" : "g_loss"]);
  return numbers;
}

CapturedStep::Outputs TranslationGame::learn_all(const CapturedStep::Inputs& inputs, Learners who, Doing doing) {
  Outputs outputs;
  const std::vector<Round> rounds = rounds_of(inputs);
  if (who.generator && options_.order == UpdateOrder::generator_first) learn_generator(rounds, who, doing, outputs);
  if (who.discriminator) learn_discriminator(rounds, doing, outputs);
  if (who.generator && options_.order == UpdateOrder::shared) learn_generator(rounds, who, doing, outputs);
  return outputs;
}

void TranslationGame::learn_generator(const std::vector<Round>& rounds, Learners who, Doing doing, Outputs& outputs) {
  std::vector<std::function<Variable()>> losses;
  Outputs terms;  // of the last round
  for (const Round& round : rounds)
    losses.emplace_back([&] {
      const Variable pixels = pixel_loss(round.fake, round.target);
      terms = {{"g_pixel", pixels.value()}};
      if (who.alone) return pixels;
      Rng draws = round.draws;
      const Variable gan = options_.loss.generator(scores(round.input, round.fake, draws));
      terms.emplace_back("g_gan", gan.value());
      return gan + pixels;
    });
  const Tensor loss = generator_player_.learn(losses, doing);
  outputs.insert(outputs.end(), terms.begin(), terms.end());
  outputs.emplace_back(who.alone ? kAlone : "g_loss", loss);
}

void TranslationGame::learn_discriminator(const std::vector<Round>& rounds, Doing doing, Outputs& outputs) {
  std::vector<std::function<Variable()>> losses;
  Outputs terms;
  for (const Round& round : rounds)
    losses.emplace_back([&] {
      Rng draws = round.draws;
      const Variable fake = scores(round.input, round.fake.detach(), draws),
                     real = scores(round.input, round.target, draws);
      terms = {{"d_real", mean(real.detach()).value()},
               {"d_fake", mean(fake.detach()).value()},
               {"logits/real", real.value()},
               {"logits/fake", fake.value()}};
      std::optional<Targets> targets;
      if (options_.targets != TargetOptions{}) targets = draw_targets(draws, real, fake, options_.targets);
      return translation_discriminator_loss(options_.loss, real, fake, targets);
    });
  outputs.emplace_back("d_loss", discriminator_player_.learn(losses, doing));
  outputs.insert(outputs.end(), terms.begin(), terms.end());
}

Tensor TranslationGame::translate(const Tensor& pictures) {
  const NoGrad no_grad;
  return generator_(pictures.to(place().device), {}, {.mode = Mode::eval}).value();
}

void TranslationGame::prepare_snapshot(Rng&, const DataLoader& data) { shown_ = data.spread(kSnapshotRows); }

Tensor TranslationGame::snapshot() {
  const Tensor made = translate(shown_.pictures).to(Device::cpu);
  if (options_.colours == ColourSpace::rgb) return side_by_side({shown_.pictures, made, shown_.targets});
  const Tensor& lightness = shown_.pictures;
  return side_by_side({colourised(lightness, Tensor::zeros(made.shape())), colourised(lightness, made),
                       colourised(lightness, shown_.targets)});
}

void TranslationGame::visit(Visitor& v) {
  v.child("generator", generator_);
  v.child("discriminator", discriminator_);
  v.child("generator_optimizer", generator_player_);
  v.child("discriminator_optimizer", discriminator_player_);
  if (switcher_) v.child("switcher", *switcher_);
}

}  // namespace duel
