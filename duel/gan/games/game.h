// Game: a way of training networks on data, one step after the other. What is common to all games, such as schedules,
// checkpoints and logs, lies around it and sees no more than this.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duel/gan/data/data_loader.h"
#include "duel/gan/games/numbers.h"
#include "duel/gan/games/player.h"
#include "duel/gan/losses.h"
#include "duel/gan/models/network.h"
#include "duel/nn/module.h"

namespace duel {

class Game {
 public:
  virtual ~Game() = default;
  Game(const Game&) = delete;
  Game& operator=(const Game&) = delete;

  /// Throws, saying what to change, for data that the networks don't fit.
  virtual void check_fits(const BatchShape& data) const = 0;
  /// Learns from the next batches, `batches_per_step()` of them as a rule. Throws when a loss is not finite, before any
  /// update made with it.
  Numbers step(DataLoader& data);
  virtual std::int64_t batches_per_step() const { return 1; }
  /// How many batches the first `steps` steps take in all, where some take more.
  virtual std::int64_t batches_until(std::int64_t steps) const { return steps * batches_per_step(); }
  std::int64_t steps() const { return steps_; }

  /// Who learns; the first is the generator, or whatever else makes pictures.
  virtual std::vector<Player*> players() = 0;
  /// The networks by name, those that only average others included.
  virtual std::vector<std::pair<std::string, Network*>> networks() = 0;

  /// Chooses what `snapshot` shows from then on.
  virtual void prepare_snapshot(Rng& draws, const DataLoader& data) = 0;
  /// What the networks make now, in one picture: uint8 [1 or 3, GH, GW].
  virtual Tensor snapshot() = 0;
  /// How different the pictures that a snapshot shows are from each other, over how different real ones are; none where
  /// they are not drawn from noise.
  virtual std::optional<double> diversity() { return {}; }

  /// Numbers of the last step that are worth a histogram, "logits/real" say; of any shape.
  virtual std::vector<std::pair<std::string, Tensor>> distributions() const { return {}; }

  /// Parameters, buffers, averages, optimisers, random stream, steps, by name. The tensors of the networks and
  /// optimisers share memory with the game.
  StateDict state();
  /// Continues from what `state` gave; throws, having changed nothing, when it doesn't fit.
  void load_state(const StateDict& state);

 protected:
  explicit Game(std::uint64_t seed) : rng_(seed) {}
  /// Names everything that the game holds, as a module's does.
  virtual void visit(Visitor& v) = 0;
  virtual Numbers play(DataLoader& data) = 0;
  /// A stream of its own that leaves the game's where it is.
  Rng draws() const { return Rng(rng_).split(); }

  Rng rng_;

 private:
  std::int64_t steps_ = 0;
};

/// A discriminator for an adversarial loss: "gan" is on probabilities, and throws for those that give logits only. So
/// does a loss that has a name, but not both of its sides.
Network make_discriminator(Rng& rng, const Blueprint& blueprint, const AdversarialLoss& loss);

}  // namespace duel
