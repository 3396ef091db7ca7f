// The adversarial game: a generator that makes pictures of noise, of a class if its networks know classes, and a
// discriminator that tells them from those of the data. Any networks, losses and regularisers.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "duel/gan/ada.h"
#include "duel/gan/games/burn_in.h"
#include "duel/gan/games/game.h"
#include "duel/gan/games/regularisers.h"
#include "duel/gan/games/switcher.h"
#include "duel/gan/latents.h"
#include "duel/gan/losses.h"
#include "duel/nn/ema.h"

namespace duel {

/// Which pictures the two updates of a step look at, and who is first.
enum class UpdateOrder : std::uint8_t {
  separate,         ///< the discriminator, then the generator with new noise
  shared,           ///< the discriminator, then the generator, by the pictures it has made for the discriminator
  generator_first,  ///< the generator, then the discriminator, which is shown the pictures of before the update
};

/// Steps that update the discriminator more often (the first WGAN's program: 100 times in the first 25 and in each
/// 500th).
struct DiscriminatorBoost {
  std::int64_t d_steps = 0;  ///< updates in each of these steps; 0: there are none
  std::int64_t first = 25;   ///< the first so many,
  std::int64_t every = 500;  ///< and those whose number, counted from 0, this divides; 0: none
};

struct AdversarialGameOptions {
  Blueprint generator, discriminator;
  AdversarialLoss loss = kVanillaLoss;  ///< "gan" makes the discriminator's scores probabilities
  OptimizerOptions generator_optimizer{.lr = 5e-4, .beta1 = 0.5, .beta2 = 0.999};
  OptimizerOptions discriminator_optimizer{.lr = 5e-4, .beta1 = 0.5, .beta2 = 0.999};
  LearningOptions learning{};  ///< of both
  RegulariserOptions regularisers{};
  std::int64_t d_steps = 1, g_steps = 1;  ///< updates of each per step
  DiscriminatorBoost d_boost{};
  UpdateOrder order = UpdateOrder::separate;
  DrawNoise noise = normal_noise;  ///< what z is drawn from
  /// If one is given, a step is one update, of the side whose turn it is (see AdaptiveSwitcher).
  AdaptiveSwitcherOptions adaptive{};
  std::optional<AdaptiveAugmentationOptions> ada{};  ///< makes regularisers.augment adaptive
  BurnInOptions burn_in{};
  double ema_decay = 0.998;
  double ema_half_life = 0;       ///< in images, instead of the decay; 0: the decay
  double ema_rampup = 0;          ///< limits the half-life to this part of the images seen; 0: no limit
  std::int64_t ema_start = 0;     ///< steps in which the average is a copy
  std::int64_t ema_interval = 1;  ///< steps between two updates of the average from then on
  EmaBuffers ema_buffers = EmaBuffers::copy;
  std::uint64_t seed = 0;
  Place place{};
};

/// What one update looks at; all that is random in it has been drawn, or comes from `draws`.
struct AdversarialRound {
  Tensor real;    ///< [N, C, H, W]; of the generator's updates only one that compares with real pictures uses it
  Tensor labels;  ///< int64 [N], of the real pictures and of those to be generated; undefined without classes
  Tensor z;       ///< [N, latent]
  Rng draws{0};   ///< for dropout, augmentations, points of penalties: each look at a round draws the same numbers
  std::int64_t epoch = 0;          ///< of the data
  Probability augmentation = 1.0;  ///< how likely each augmentation is
  Variable fake{};                 ///< what the generator has made of z already; undefined if it is yet to
};

struct DiscriminatorLoss {
  Variable loss;        ///< what an update minimises
  Variable real, fake;  ///< the scores
  LossTerms terms;      ///< what it has besides the adversarial loss
};

struct GeneratorLoss {
  Variable loss;
  LossTerms terms;
};

/// The two networks, and what their regularisers remember.
struct AdversarialNetworks {
  Network generator, discriminator;
  LeCamPenalty lecam{};
};

/// The discriminator's loss as a function of the networks; no gradient flows into the generator. Penalties that are due
/// at intervals are there only if asked for.
DiscriminatorLoss discriminator_loss(const AdversarialGameOptions& options, AdversarialNetworks& networks,
                                     const AdversarialRound& round, Penalty penalty);
/// The generator's.
GeneratorLoss generator_loss(const AdversarialGameOptions& options, AdversarialNetworks& networks,
                             const AdversarialRound& round);

/// Everything one run of training holds. Not movable: optimisers refer to the parameters.
class AdversarialGame final : public Game {
 public:
  using Options = AdversarialGameOptions;
  explicit AdversarialGame(const Options& options);

  // What `step` does to begin each update; for those who want to look at its loss instead.
  /// Takes the next batch, and noise from the game's random stream. Sets what the burn-in changes.
  AdversarialRound discriminator_round(DataLoader& data);
  /// `last` is the round of the last discriminator update.
  AdversarialRound generator_round(const AdversarialRound& last);

  void check_fits(const BatchShape& data) const override;
  std::int64_t batches_per_step() const override;
  std::int64_t batches_until(std::int64_t steps) const override;
  std::vector<Player*> players() override { return {&generator_player_, &discriminator_player_}; }
  std::vector<std::pair<std::string, Network*>> networks() override;
  std::vector<CapturedStep*> captured_steps() override { return {&discriminator_step_, &generator_step_}; }
  /// Eight rows of samples, one class per column, ten at most, or eight columns without classes.
  void prepare_snapshot(Rng& draws, const DataLoader& data) override;
  Tensor snapshot() override;

  std::optional<double> diversity() override;
  /// Of the last discriminator update.
  std::vector<std::pair<std::string, Tensor>> distributions() const override;

  /// Pictures [N, C, H, W] from the averaged generator, in evaluation mode. Labels are left out without classes.
  Tensor sample(const Tensor& z, const Tensor& labels);

  /// With the values that the burn-in has come to.
  const Options& options() const { return options_; }
  AdversarialNetworks& adversaries() { return networks_; }
  Network& generator() { return networks_.generator; }
  Network& discriminator() { return networks_.discriminator; }
  /// [latent] and the classes, [C, H, W] and the classes.
  const NetworkInput& latents() const { return networks_.generator.input(); }
  const NetworkInput& pictures() const { return networks_.discriminator.input(); }

 private:
  /// d_loss, g_loss, d_real and d_fake (mean scores of the last discriminator update), d_accuracy where scores have a
  /// boundary, and what else is in the losses, by name, as last computed, without an interval's weight; 0 before.
  Numbers play(DataLoader& data) override;
  void visit(Visitor& v) override;
  using Rounds = std::vector<AdversarialRound>;
  using Outputs = CapturedStep::Outputs;
  Rounds discriminator_rounds(DataLoader& data);
  Rounds generator_rounds(const Rounds& last);
  Penalty penalty() const;
  // Updates by these rounds: work on the device alone.
  Outputs learn_discriminator(const Rounds& rounds, Penalty penalty, Doing doing);
  Outputs learn_generator(const Rounds& rounds, Doing doing);
  Outputs learn_together(AdversarialRound round, Penalty penalty, Doing doing);
  // The same, recorded where that can be; and what they told.
  void update_discriminator(const Rounds& rounds, Numbers& numbers);
  void update_generator(const Rounds& rounds, Numbers& numbers);
  void update_together(const AdversarialRound& round, Numbers& numbers);
  void tell_discriminator(const Outputs& outputs, Penalty penalty, Numbers& numbers);
  void tell_generator(const Outputs& outputs, Numbers& numbers);
  void tell_terms(const Outputs& outputs, std::string_view prefix, Numbers& numbers);
  Outputs run(CapturedStep& step, const Rounds& rounds, Penalty penalty, const CapturedStep::Work& work,
              const std::vector<Player*>& players);
  void take_turn(DataLoader& data, Numbers& numbers);
  /// Lets the generator's next update, the last of a step, move the average if that is due.
  void average_after(std::int64_t batch);
  void burn_in(std::int64_t batch);
  Variable generate(const AdversarialRound& round);

  const Options given_;
  Options options_;
  AdversarialNetworks networks_;
  Player generator_player_, discriminator_player_;
  Ema<Network> ema_;
  std::optional<AdaptiveSwitcher> switcher_;
  std::optional<AdaptiveAugmentation> ada_;
  CapturedStep discriminator_step_, generator_step_;
  std::map<std::string, Tensor> lazy_;  // terms that are due at intervals, as last computed
  Tensor shown_z_, shown_labels_;
  ScorePair last_scores_;    // without a graph
  bool burning_in_ = false;  // values of the burn-in are still changing
  double real_spread_ = 0;   // of as many pictures of the data as are shown
};

}  // namespace duel
