#include "duel/gan/games/translation.h"

#include "duel/autograd/ops.h"
#include "duel/gan/data/lab.h"
#include "duel/gan/games/show.h"
#include "duel/gan/translation_losses.h"
#include "duel/nn/losses.h"

namespace duel {

struct TranslationGame::Round {
  Tensor input, target;  // [N, C, H, W]
  Variable fake;         // what the generator has made of the input
  Rng draws;             // for the discriminator's dropout, and its labels
};

TranslationGame::TranslationGame(const Options& o)
    : Game(o.seed),
      options_(o),
      generator_(o.generator.make(rng_)),
      discriminator_(make_discriminator(rng_, o.discriminator, o.loss)),
      generator_player_("generator", generator_, o.generator_optimizer, o.learning),
      discriminator_player_("discriminator", discriminator_, o.discriminator_optimizer, o.learning) {
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

TranslationGame::Round TranslationGame::next_round(DataLoader& data) {
  const Batch batch = data.next();
  Rng own = rng_.split();
  Round round{batch.pictures, batch.targets, {}, own.split()};
  round.fake = generator_(round.input, {}, {.rng = &own});
  check(round.fake.shape() == round.target.shape(), "TranslationGame", "the generator makes ", round.fake.shape(),
        " of ", round.input.shape(), ", the targets are ", round.target.shape(),
        "; choose sizes that its halvings divide");
  return round;
}

Numbers TranslationGame::play(DataLoader& data) {
  Numbers numbers;
  std::vector<Round> rounds;
  for (std::int64_t i = 0; i < options_.learning.accumulations; ++i) rounds.push_back(next_round(data));
  const std::int64_t both_from = options_.pretrain_generator + options_.pretrain_discriminator;
  if (switcher_ && steps() >= both_from) {
    take_turn(rounds, numbers);
    return numbers;
  }
  if (steps() >= both_from)
    for (const char* name : {"d_loss", "g_loss", "g_gan", "g_pixel", "d_real", "d_fake"}) numbers[name] = 0;
  const bool generator_learns = steps() < options_.pretrain_generator || steps() >= both_from,
             discriminator_learns = steps() >= options_.pretrain_generator;
  if (generator_learns && options_.order == UpdateOrder::generator_first) update_generator(rounds, numbers);
  if (discriminator_learns) update_discriminator(rounds, numbers);
  if (generator_learns && options_.order == UpdateOrder::shared) update_generator(rounds, numbers);
  return numbers;
}

// One update, of one side.
void TranslationGame::take_turn(const std::vector<Round>& rounds, Numbers& numbers) {
  if (switcher_->turn() == Turn::discriminator) {
    update_discriminator(rounds, numbers);
    switcher_->observe(numbers["d_loss"]);
  } else {
    update_generator(rounds, numbers);
    switcher_->observe(numbers["g_loss"]);
  }
}

void TranslationGame::update_generator(const std::vector<Round>& rounds, Numbers& numbers) {
  const AdversarialLoss& loss = options_.loss;
  std::size_t at = 0;
  const bool alone = steps() < options_.pretrain_generator;
  const double total = generator_player_.minimize([&] {
    const Round& round = rounds[at++];
    const Variable pixels = pixel_loss(round.fake, round.target);
    numbers["g_pixel"] = pixels.item();
    if (alone) return pixels;
    Rng draws = round.draws;
    const Variable gan = loss.generator(scores(round.input, round.fake, draws));
    numbers["g_gan"] = gan.item();
    return gan + pixels;
  });
  if (!alone) numbers["g_loss"] = total;
}

void TranslationGame::update_discriminator(const std::vector<Round>& rounds, Numbers& numbers) {
  const AdversarialLoss& loss = options_.loss;
  std::size_t at = 0;
  numbers["d_loss"] = discriminator_player_.minimize([&] {
    const Round& round = rounds[at++];
    Rng draws = round.draws;
    const Variable fake = scores(round.input, round.fake.detach(), draws),
                   real = scores(round.input, round.target, draws);
    last_real_ = real.value();
    last_fake_ = fake.value();
    numbers["d_real"] = mean(real.detach()).item();
    numbers["d_fake"] = mean(fake.detach()).item();
    std::optional<Targets> targets;
    if (options_.targets != TargetOptions{}) targets = draw_targets(draws, real, fake, options_.targets);
    return translation_discriminator_loss(loss, real, fake, targets);
  });
}

std::vector<std::pair<std::string, Tensor>> TranslationGame::distributions() const {
  if (!last_real_.defined()) return {};
  return {{"logits/real", last_real_}, {"logits/fake", last_fake_}};
}

Tensor TranslationGame::translate(const Tensor& pictures) {
  const NoGrad no_grad;
  return generator_(pictures, {}, {.mode = Mode::eval}).value();
}

void TranslationGame::prepare_snapshot(Rng&, const DataLoader& data) { shown_ = data.spread(kSnapshotRows); }

Tensor TranslationGame::snapshot() {
  const Tensor made = translate(shown_.pictures);
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
