#include "duel/gan/games/cycle.h"

#include "duel/autograd/ops.h"
#include "duel/gan/games/show.h"
#include "duel/gan/losses.h"

namespace duel {

CycleGame::CycleGame(const Options& o)
    : Game(o.seed, o.place),
      options_(o),
      generators_{placed(o.generator_a.make(rng_)), placed(o.generator_b.make(rng_))},
      discriminators_{placed(make_discriminator(rng_, o.discriminator_a, o.loss)),
                      placed(make_discriminator(rng_, o.discriminator_b, o.loss))},
      generator_player_("generators", generators_, o.generator_optimizer, o.learning),
      discriminator_player_("discriminators", discriminators_, o.discriminator_optimizer, o.learning),
      pool_a_(o.pool, o.picture_a, {.device = o.place.device}),
      pool_b_(o.pool, o.picture_b, {.device = o.place.device}),
      generator_step_(o.place.device, o.place.capture),
      discriminator_step_(o.place.device, o.place.capture) {
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
  CapturedStep::Inputs generators, discriminators;
  for (std::int64_t i = 0; i < options_.learning.accumulations; ++i) {
    const Batch batch = next_batch(data);
    generators.tensors.insert(generators.tensors.end(), {batch.pictures, batch.targets});
    generators.draws.push_back(rng_.split());
  }
  const Outputs made =
      learn(generator_step_, generators,
            [this](const CapturedStep::Inputs& in, Doing doing) { return learn_generators(in, doing); },
            {&generator_player_});
  tell(made, generator_player_, "g_loss", numbers);

  std::vector<Tensor> fakes;  // of a and b by turns
  for (const auto& [name, value] : made)
    if (name.starts_with("fake")) fakes.push_back(value);
  for (std::size_t i = 0; i < drawn_.size(); ++i)
    discriminators.draws.emplace_back(generators.draws[i].seed(), drawn_[i]);
  for (std::size_t i = 0; i < fakes.size(); i += 2) {
    const Tensor as_b = pool_b_.query(fakes[i + 1], rng_), as_a = pool_a_.query(fakes[i], rng_);
    discriminators.tensors.insert(discriminators.tensors.end(),
                                  {generators.tensors[i + 1], as_b, generators.tensors[i], as_a});
  }
  const Outputs judged =
      learn(discriminator_step_, discriminators,
            [this](const CapturedStep::Inputs& in, Doing doing) { return learn_discriminators(in, doing); },
            {&discriminator_player_});
  tell(judged, discriminator_player_, "d_loss", numbers);
  last_scores_.clear();
  for (const auto& [name, value] : judged)
    if (name.starts_with("logits")) last_scores_.emplace_back(name, value);
  return numbers;
}

void CycleGame::tell(const Outputs& outputs, const Player& player, std::string_view loss, Numbers& numbers) {
  if (!tells()) return;
  for (const auto& [name, value] : outputs)
    if (name == loss)
      numbers[name] = player.value_of(value);
    else if (numbers.contains(name))
      numbers[name] = value.item();
}

CapturedStep::Outputs CycleGame::learn_generators(const CapturedStep::Inputs& inputs, Doing doing) {
  Outputs outputs, terms;
  drawn_.clear();
  std::vector<std::function<Variable()>> losses;
  for (std::size_t i = 0; i < inputs.draws.size(); ++i)
    losses.emplace_back([&, i] {
      terms.clear();
      Rng draws = inputs.draws[i];
      Variable loss = generator_loss(inputs.tensors[2 * i], inputs.tensors[2 * i + 1], draws, terms, outputs);
      drawn_.push_back(draws.counter());
      return loss;
    });
  outputs.emplace_back("g_loss", generator_player_.learn(losses, doing));
  outputs.insert(outputs.end(), terms.begin(), terms.end());
  return outputs;
}

Variable CycleGame::generator_loss(const Tensor& real_a, const Tensor& real_b, Rng& draws, Outputs& terms,
                                   Outputs& fakes) {
  const Pass pass{.rng = &draws};
  const auto to_b = [&](const Variable& x) { return generators_.a(x, {}, pass); };
  const auto to_a = [&](const Variable& x) { return generators_.b(x, {}, pass); };
  CyclePictures p;
  p.real_a = real_a;
  p.real_b = real_b;
  const Variable fake_b = to_b(p.real_a), fake_a = to_a(p.real_b);
  p.rec_a = to_a(fake_b);
  p.rec_b = to_b(fake_a);
  if (options_.weights.identity > 0) {
    p.idt_a = to_b(p.real_b);
    p.idt_b = to_a(p.real_a);
  }
  p.scores_a = discriminators_.a(fake_b, {}, pass);
  p.scores_b = discriminators_.b(fake_a, {}, pass);
  fakes.emplace_back("fake_a", fake_a.value());
  fakes.emplace_back("fake_b", fake_b.value());
  const CycleGeneratorLosses l = cycle_generator_losses(options_.loss, p, options_.weights);
  for (const auto& [name, term] : {std::pair("g_a", &l.g_a),
                                   {"cycle_a", &l.cycle_a},
                                   {"idt_a", &l.idt_a},
                                   {"g_b", &l.g_b},
                                   {"cycle_b", &l.cycle_b},
                                   {"idt_b", &l.idt_b}})
    if (term->defined()) terms.emplace_back(name, term->value());
  return l.total();
}

CapturedStep::Outputs CycleGame::learn_discriminators(const CapturedStep::Inputs& inputs, Doing doing) {
  Outputs outputs, terms;
  std::vector<std::function<Variable()>> losses;
  for (std::size_t i = 0; i < inputs.draws.size(); ++i)
    losses.emplace_back([&, i] {
      Rng draws = inputs.draws[i];
      const auto of = [&](Network& judge, const Tensor& real, const Tensor& fake, const std::string& name) {
        const Pass pass{.rng = &draws};
        const Variable on_real = judge(real, {}, pass), on_fake = judge(fake, {}, pass);
        std::optional<Targets> targets;
        if (options_.targets != TargetOptions{}) targets = draw_targets(draws, on_real, on_fake, options_.targets);
        const Variable loss = translation_discriminator_loss(options_.loss, on_real, on_fake, targets);
        terms.insert(terms.end(), {{"d_" + name, loss.value()},
                                   {"logits_" + name + "/real", on_real.value()},
                                   {"logits_" + name + "/fake", on_fake.value()}});
        return loss;
      };
      terms.clear();
      const Tensor* const t = &inputs.tensors[4 * i];
      const Variable a = of(discriminators_.a, t[0], t[1], "a");
      return a + of(discriminators_.b, t[2], t[3], "b");
    });
  outputs.emplace_back("d_loss", discriminator_player_.learn(losses, doing));
  outputs.insert(outputs.end(), terms.begin(), terms.end());
  return outputs;
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
  const Tensor fake_b = generators_.a(shown_.pictures.to(place().device), {}, pass).value(),
               rec_a = generators_.b(fake_b, {}, pass).value(),
               fake_a = generators_.b(shown_.targets.to(place().device), {}, pass).value(),
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
