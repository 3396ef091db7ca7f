#include "duel/gan/games/cycle.h"

#include "duel/autograd/ops.h"
#include "duel/gan/games/show.h"
#include "duel/gan/losses.h"

namespace duel {

struct CycleGame::Round {
  Tensor real_a, real_b;          // [N, C, H, W]
  Tensor fake_a{}, fake_b{};      // of the generators' update
  Tensor pooled_a{}, pooled_b{};  // what the discriminators are shown instead
  Rng draws;
};

CycleGame::CycleGame(const Options& o)
    : Game(o.seed),
      options_(o),
      generators_{o.generator_a.make(rng_), o.generator_b.make(rng_)},
      discriminators_{make_discriminator(rng_, o.discriminator_a, o.loss),
                      make_discriminator(rng_, o.discriminator_b, o.loss)},
      generator_player_("generators", generators_, o.generator_optimizer, o.learning),
      discriminator_player_("discriminators", discriminators_, o.discriminator_optimizer, o.learning),
      pool_a_(o.pool, o.picture_a),
      pool_b_(o.pool, o.picture_b) {
  check(o.loss.generator_scores == GeneratorScores::fake, "CycleGame", "the loss '", o.loss.name,
        "' compares generated with real pictures, which this game does not; take another one");
  check_targets("CycleGame", o.loss, o.targets);
  for (const Network* generator : {&generators_.a, &generators_.b})
    check(generator->input().shape.dim() == 3, "CycleGame", "this generator makes pictures of noise, not of pictures");
  check(o.weights.identity == 0 || o.picture_a[0] == o.picture_b[0], "CycleGame",
        "the identity loss needs domains of as many channels, got ", o.picture_a[0], " and ", o.picture_b[0],
        "; set its weight to 0");
}

void CycleGame::check_fits(const BatchShape& data) const {
  check(data.target.dim() == 3, "CycleGame", "the data have one domain; give two, A and B");
  check(data.picture == options_.picture_a && data.target == options_.picture_b, "CycleGame", "the pictures are ",
        data.picture, " and ", data.target, ", the game was made for ", options_.picture_a, " and ",
        options_.picture_b);
  const auto fits = [](const Network& network, const Shape& picture, const char* name) {
    check(network.input().shape[0] == picture[0], "CycleGame", name, " takes ", network.input().shape[0],
          " channels, the pictures have ", picture[0]);
  };
  fits(generators_.a, data.picture, "generator a");
  fits(generators_.b, data.target, "generator b");
  fits(discriminators_.a, data.target, "discriminator a");
  fits(discriminators_.b, data.picture, "discriminator b");
}

Numbers CycleGame::play(DataLoader& data) {
  Numbers numbers;
  for (const char* name : {"d_loss", "g_loss", "d_a", "g_a", "cycle_a", "idt_a", "d_b", "g_b", "cycle_b", "idt_b"})
    numbers[name] = 0;
  std::vector<Round> rounds;
  numbers["g_loss"] = generator_player_.minimize([&] {
    const Batch batch = data.next();
    rounds.push_back({.real_a = batch.pictures, .real_b = batch.targets, .draws = rng_.split()});
    return generator_loss(rounds.back(), numbers);
  });
  for (Round& round : rounds) {
    round.pooled_b = pool_b_.query(round.fake_b, rng_);
    round.pooled_a = pool_a_.query(round.fake_a, rng_);
  }
  std::size_t at = 0;
  numbers["d_loss"] = discriminator_player_.minimize([&] { return discriminator_loss(rounds[at++], numbers); });
  return numbers;
}

Variable CycleGame::generator_loss(Round& round, Numbers& numbers) {
  const Pass pass{.rng = &round.draws};
  const auto to_b = [&](const Variable& x) { return generators_.a(x, {}, pass); };
  const auto to_a = [&](const Variable& x) { return generators_.b(x, {}, pass); };
  CyclePictures p;
  p.real_a = round.real_a;
  p.real_b = round.real_b;
  const Variable fake_b = to_b(p.real_a), fake_a = to_a(p.real_b);
  p.rec_a = to_a(fake_b);
  p.rec_b = to_b(fake_a);
  if (options_.weights.identity > 0) {
    p.idt_a = to_b(p.real_b);
    p.idt_b = to_a(p.real_a);
  }
  p.scores_a = discriminators_.a(fake_b, {}, pass);
  p.scores_b = discriminators_.b(fake_a, {}, pass);
  round.fake_a = fake_a.value();
  round.fake_b = fake_b.value();
  const CycleGeneratorLosses l = cycle_generator_losses(options_.loss, p, options_.weights);
  for (const auto& [name, term] : {std::pair("g_a", &l.g_a),
                                   {"cycle_a", &l.cycle_a},
                                   {"idt_a", &l.idt_a},
                                   {"g_b", &l.g_b},
                                   {"cycle_b", &l.cycle_b},
                                   {"idt_b", &l.idt_b}})
    if (term->defined()) numbers[name] = term->item();
  return l.total();
}

Variable CycleGame::discriminator_loss(const Round& round, Numbers& numbers) {
  Rng draws = round.draws;
  const auto of = [&](Network& judge, const Tensor& real, const Tensor& fake, const std::string& name) {
    const Pass pass{.rng = &draws};
    const Variable on_real = judge(real, {}, pass), on_fake = judge(fake, {}, pass);
    std::optional<Targets> targets;
    if (options_.targets != TargetOptions{}) targets = draw_targets(draws, on_real, on_fake, options_.targets);
    const Variable loss = translation_discriminator_loss(options_.loss, on_real, on_fake, targets);
    numbers["d_" + name] = loss.item();
    last_scores_.emplace_back("logits_" + name + "/real", on_real.value());
    last_scores_.emplace_back("logits_" + name + "/fake", on_fake.value());
    return loss;
  };
  last_scores_.clear();
  const Variable a = of(discriminators_.a, round.real_b, round.pooled_b, "a");
  return a + of(discriminators_.b, round.real_a, round.pooled_a, "b");
}

std::vector<std::pair<std::string, Network*>> CycleGame::networks() {
  return {{"generator_a", &generators_.a},
          {"generator_b", &generators_.b},
          {"discriminator_a", &discriminators_.a},
          {"discriminator_b", &discriminators_.b}};
}

void CycleGame::prepare_snapshot(Rng&, const DataLoader& data) { shown_ = data.spread(kSnapshotRows); }

Tensor CycleGame::snapshot() {
  const NoGrad no_grad;
  const Pass pass{.mode = Mode::eval};
  const Tensor fake_b = generators_.a(shown_.pictures, {}, pass).value(),
               rec_a = generators_.b(fake_b, {}, pass).value(),
               fake_a = generators_.b(shown_.targets, {}, pass).value(),
               rec_b = generators_.a(fake_a, {}, pass).value();
  return side_by_side({shown_.pictures, fake_b, rec_a, shown_.targets, fake_a, rec_b});
}

void CycleGame::visit(Visitor& v) {
  v.child("generator_a", generators_.a);
  v.child("generator_b", generators_.b);
  v.child("discriminator_a", discriminators_.a);
  v.child("discriminator_b", discriminators_.b);
  v.child("generator_optimizer", generator_player_);
  v.child("discriminator_optimizer", discriminator_player_);
  v.child("pool_a", pool_a_);
  v.child("pool_b", pool_b_);
}

}  // namespace duel
