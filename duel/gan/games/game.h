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

/// Where and how a game computes.
struct Place {
  Device device = Device::cpu;
  Capture capture = Capture::on;       ///< of the updates, where the device can record
  DType activations = DType::float32;  ///< within networks: bfloat16 on CUDA halves their bytes
  friend bool operator==(const Place&, const Place&) = default;
};

/// Whether a step's numbers are asked for: to give them, the host must wait for the device.
enum class Telling : std::uint8_t { numbers, nothing };

class Game {
 public:
  virtual ~Game() = default;
  Game(const Game&) = delete;
  Game& operator=(const Game&) = delete;

  /// Throws, saying what to change, for data that the networks don't fit.
  virtual void check_fits(const BatchShape& data) const = 0;
  /// Learns from the next batches, `batches_per_step()` of them as a rule. Throws when a loss is not finite, before any
  /// update made with it.
  /// With Telling::nothing a game on a device gives none; a loss that was not finite then shows in the next step that
  /// tells them.
  Numbers step(DataLoader& data, Telling telling = Telling::numbers);
  virtual std::int64_t batches_per_step() const { return 1; }
  /// How many batches the first `steps` steps take in all, where some take more.
  virtual std::int64_t batches_until(std::int64_t steps) const { return steps * batches_per_step(); }
  std::int64_t steps() const { return steps_; }

  /// Who learns; the first is the generator, or whatever else makes pictures.
  virtual std::vector<Player*> players() = 0;
  /// The networks by name, those that only average others included.
  virtual std::vector<std::pair<std::string, Network*>> networks() = 0;

  /// The updates that a device may record: what became of that.
  virtual std::vector<CapturedStep*> captured_steps() { return {}; }
  const Place& place() const { return place_; }

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
  explicit Game(std::uint64_t seed, const Place& place = {}) : rng_(seed), place_(place) {}
  /// Whether the step that is being made is to give numbers.
  bool tells() const { return telling_ == Telling::numbers || place_.device == Device::cpu; }
  /// A network, or whatever else has parameters or buffers, as it is to be trained.
  template <class Module>
  Module placed(Module module) const {
    if (place_.device != Device::cpu) to(module, place_.device);
    if constexpr (requires { module.compute_in(place_.activations); }) module.compute_in(place_.activations);
    return module;
  }
  /// As the function of this name, of all players.
  CapturedStep::Outputs learn(CapturedStep& step, const CapturedStep::Inputs& inputs, const CapturedStep::Work& work,
                              const std::vector<Player*>& learning) {
    return duel::learn(step, inputs, work, players(), learning);
  }
  /// The next batch, on the game's device.
  Batch next_batch(DataLoader& data) const;
  /// Names everything that the game holds, as a module's does.
  virtual void visit(Visitor& v) = 0;
  virtual Numbers play(DataLoader& data) = 0;
  /// A stream of its own that leaves the game's where it is.
  Rng draws() const { return Rng(rng_).split(); }

  Rng rng_;

 private:
  Place place_;
  Telling telling_ = Telling::numbers;
  std::int64_t steps_ = 0;
};

/// A discriminator for an adversarial loss: "gan" is on probabilities, and throws for those that give logits only. So
/// does a loss that has a name, but not both of its sides.
Network make_discriminator(Rng& rng, const Blueprint& blueprint, const AdversarialLoss& loss);

}  // namespace duel
