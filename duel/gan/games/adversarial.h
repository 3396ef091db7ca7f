// The adversarial game: a generator that makes pictures of noise, of a class if its networks know classes, and a
// discriminator that tells them from those of the data. Any networks, losses and regularisers.
#pragma once

#include <map>
#include <string>

#include "duel/gan/dataset.h"
#include "duel/gan/games/regularisers.h"
#include "duel/gan/losses.h"
#include "duel/gan/models/network.h"
#include "duel/nn/ema.h"
#include "duel/nn/optim.h"

namespace duel {

struct AdversarialGameOptions {
  Blueprint generator, discriminator;
  std::string loss = "vanilla";  ///< see adversarial_losses(); "gan" makes the discriminator's scores probabilities
  AdamOptions generator_optimizer{.lr = 5e-4, .beta1 = 0.5, .beta2 = 0.999};
  AdamOptions discriminator_optimizer{.lr = 5e-4, .beta1 = 0.5, .beta2 = 0.999};
  RegulariserOptions regularisers{};
  std::int64_t d_steps = 1;  ///< discriminator updates per generator update
  double ema_decay = 0.998;
  std::int64_t ema_start = 0;
  EmaBuffers ema_buffers = EmaBuffers::copy;
  std::uint64_t seed = 0;
};

/// What one update looks at; all that is random in it has been drawn, or comes from `draws`.
struct AdversarialRound {
  Tensor real;    ///< [N, C, H, W]; of the generator's updates only a loss that compares with real pictures uses it
  Tensor labels;  ///< int64 [N], of the real pictures and of those to be generated; undefined without classes
  Tensor z;       ///< [N, latent]
  Rng draws{0};   ///< for dropout, augmentations, points of penalties: each look at a round draws the same numbers
  std::int64_t epoch = 0;  ///< of the data
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
class AdversarialGame {
 public:
  using Options = AdversarialGameOptions;
  explicit AdversarialGame(const Options& options);
  AdversarialGame(const AdversarialGame&) = delete;
  AdversarialGame& operator=(const AdversarialGame&) = delete;

  struct Losses {
    double discriminator = 0, generator = 0;
    double real = 0, fake = 0;  ///< mean logits of the last discriminator update
    /// What else is in the two, by name, as last computed, without an interval's weight; 0 before. Terms of one name
    /// are the generator's.
    std::map<std::string, double> terms;
  };

  /// One step: `d_steps` updates of the discriminator, each on a batch of its own, then one of the generator and its
  /// average. The data's pictures and classes must be the networks'. Throws when a loss is not finite, before any
  /// update made with it.
  Losses step(Batches& data);

  // What `step` does to begin each update; for those who want to look at its loss instead.
  /// Takes the next batch, and noise from the game's random stream.
  AdversarialRound discriminator_round(Batches& data);
  /// `last` is the round of the last discriminator update.
  AdversarialRound generator_round(const AdversarialRound& last);

  /// Throws if its pictures or classes are not those of the networks.
  void check_fits(const Dataset& data) const;

  /// Pictures [N, C, H, W] from the averaged generator, in evaluation mode. Labels are left out without classes.
  Tensor sample(const Tensor& z, const Tensor& labels);

  std::int64_t steps() const { return steps_; }
  const Options& options() const { return options_; }
  /// Parameters, buffers, averages, optimisers, random stream, steps, by name. The tensors of the networks and
  /// optimisers share memory with the game.
  StateDict state();
  /// Continues from what `state` gave; throws, having changed nothing, when it doesn't fit.
  void load_state(const StateDict& state);

  AdversarialNetworks& networks() { return networks_; }
  Network& generator() { return networks_.generator; }
  Network& discriminator() { return networks_.discriminator; }
  /// [latent] and the classes, [C, H, W] and the classes.
  const NetworkInput& latents() const { return networks_.generator.input(); }
  const NetworkInput& pictures() const { return networks_.discriminator.input(); }

 private:
  void update_discriminator(const AdversarialRound& round, Losses& losses);
  void update_generator(const AdversarialRound& round, Losses& losses);
  Rng draws() const;
  void report(const LossTerms& terms, Losses& losses);

  Options options_;
  Rng rng_;
  AdversarialNetworks networks_;
  Adam generator_optimizer_, discriminator_optimizer_;
  Ema<Network> ema_;
  std::int64_t steps_ = 0;
  std::map<std::string, double> lazy_{{"r1", 0}};  // terms that are due at intervals, as last computed
};

}  // namespace duel
