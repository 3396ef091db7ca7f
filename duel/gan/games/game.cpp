#include "duel/gan/games/game.h"

#include <bit>

namespace duel {

Batch Game::next_batch(DataLoader& data) const {
  Batch batch = data.next();
  for (Tensor* t : {&batch.pictures, &batch.targets, &batch.labels})
    if (t->defined()) *t = t->to(place_.device);
  batch.pictures = to_floats(batch.pictures);
  if (batch.targets.defined()) batch.targets = to_floats(batch.targets);
  return batch;
}

Numbers Game::step(DataLoader& data, Telling telling) {
  check_fits(data.shape());
  telling_ = telling;
  Numbers numbers = play(data);
  ++steps_;
  return tells() ? numbers : Numbers();
}

StateDict Game::state() {
  detail::CollectState collect;
  visit(collect);
  StateDict all = std::move(collect.found);
  all["rng"] =
      Tensor::from({std::bit_cast<std::int64_t>(rng_.seed()), std::bit_cast<std::int64_t>(rng_.counter())}, {2});
  all["step"] = Tensor::from({steps_}, {});
  return all;
}

void Game::load_state(const StateDict& given) {
  StateDict own = state();
  duel::load_state(own, given, "the checkpoint");
  const std::vector<std::int64_t> rng = own["rng"].to_vector<std::int64_t>();
  rng_ = Rng(std::bit_cast<std::uint64_t>(rng[0]), std::bit_cast<std::uint64_t>(rng[1]));
  steps_ = own["step"].data<std::int64_t>()[0];
  for (Player* player : players()) player->forget_losses();
  for (CapturedStep* step : captured_steps()) step->forget();
}

Network make_discriminator(Rng& rng, const Blueprint& given, const AdversarialLoss& loss) {
  check(loss.discriminator && loss.generator_of_scores, "make_discriminator", "the loss '", loss.name,
        "' has a name only: take it from adversarial_loss, or give it both sides");
  if (loss.name != "gan") {
    check(given.get("scores").value_or("logits") == "logits", "make_discriminator",
          "this discriminator gives probabilities, which the loss 'gan' is for, not '", loss.name, "'");
    return given.make(rng);
  }
  Blueprint blueprint = given;
  check(blueprint.get("scores").has_value(), "make_discriminator",
        "the loss 'gan' is for probabilities, this discriminator gives logits: use 'vanilla'");
  blueprint.set("scores", "probabilities");
  return blueprint.make(rng);
}

}  // namespace duel
