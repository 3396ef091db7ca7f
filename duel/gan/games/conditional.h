// The conditional game: a generator that is told a class and a discriminator that is told it too.
#pragma once

#include <string>

#include "duel/gan/dataset.h"
#include "duel/gan/losses.h"
#include "duel/gan/models/conditional_dcgan.h"
#include "duel/nn/ema.h"
#include "duel/nn/optim.h"

namespace duel {

struct ConditionalGameOptions {
  ConditionalDcganOptions model;
  std::string loss = "vanilla";  ///< see adversarial_losses()
  AdamOptions generator{.lr = 5e-4, .beta1 = 0.5, .beta2 = 0.999};
  AdamOptions discriminator{.lr = 5e-4, .beta1 = 0.5, .beta2 = 0.999};
  double r1_gamma = 0;           ///< weight of the R1 penalty; 0 turns it off
  std::int64_t r1_interval = 1;  ///< steps between two penalties, each weighted by the interval (lazy regularisation)
  double clip = 0;               ///< limit of the discriminator's weights after each update; 0: none
  std::int64_t d_steps = 1;      ///< discriminator updates per generator update
  double ema_decay = 0.998;
  std::int64_t ema_start = 0;
  std::uint64_t seed = 0;
};

/// What one update looks at; all that is random in it has been drawn.
struct ConditionalRound {
  Tensor real;    ///< [N, C, H, W]; of the generator's updates only a loss that compares with real pictures uses it
  Tensor labels;  ///< int64 [N], of the real pictures and of those to be generated
  Tensor z;       ///< [N, latent]
};

enum class Penalty : std::uint8_t { without, with };

struct DiscriminatorLoss {
  Variable loss;        ///< what an update minimises
  Variable real, fake;  ///< the logits [N]
  Variable r1;          ///< the penalty without the interval's weight; undefined if left out
};

/// The discriminator's loss as a function of the networks; no gradient flows into the generator. The penalty's term is
/// there only if the options have one and it is asked for.
DiscriminatorLoss discriminator_loss(const ConditionalGameOptions& options, ConditionalDcganGenerator& generator,
                                     ConditionalDcganDiscriminator& discriminator, const ConditionalRound& round,
                                     Penalty penalty);
/// The generator's.
Variable generator_loss(const ConditionalGameOptions& options, ConditionalDcganGenerator& generator,
                        ConditionalDcganDiscriminator& discriminator, const ConditionalRound& round);

/// Everything one run of training holds. Not movable: optimisers refer to the parameters.
class ConditionalGame {
 public:
  using Options = ConditionalGameOptions;
  explicit ConditionalGame(const Options& options);
  ConditionalGame(const ConditionalGame&) = delete;
  ConditionalGame& operator=(const ConditionalGame&) = delete;

  struct Losses {
    double discriminator = 0, generator = 0;
    double real = 0, fake = 0;  ///< mean logits of the last discriminator update
    double r1 = 0;              ///< the R1 penalty as last computed, without the interval's weight; 0 before
  };

  /// One step: `d_steps` updates of the discriminator, each on a batch of its own, then one of the generator and its
  /// average. The data's pictures and classes must be the model's; without labels all are of class 0, the model's only
  /// one. Throws when a loss is not finite, before any update made with it.
  Losses step(Batches& data);

  // What `step` does to begin each update; for those who want to look at its loss instead.
  /// Takes the next batch, and noise from the game's random stream.
  ConditionalRound discriminator_round(Batches& data);
  /// `last` is the round of the last discriminator update.
  ConditionalRound generator_round(const ConditionalRound& last);

  /// Pictures [N, C, H, W] from the averaged generator, in evaluation mode.
  Tensor sample(const Tensor& z, const Tensor& labels);

  std::int64_t steps() const { return steps_; }
  const Options& options() const { return options_; }
  /// Parameters, buffers, averages, optimisers, random stream, steps, by name. The tensors of the networks and
  /// optimisers share memory with the game.
  StateDict state();
  /// Continues from what `state` gave; throws, having changed nothing, when it doesn't fit.
  void load_state(const StateDict& state);

  ConditionalDcganGenerator& generator() { return generator_; }
  ConditionalDcganDiscriminator& discriminator() { return discriminator_; }

 private:
  void update_discriminator(const ConditionalRound& round, Losses& losses);
  void update_generator(const ConditionalRound& round, Losses& losses);
  Tensor noise(std::int64_t n) { return rng_.normal({n, options_.model.latent}); }

  Options options_;
  Rng rng_;
  ConditionalDcganGenerator generator_;
  ConditionalDcganDiscriminator discriminator_;
  Adam generator_optimizer_, discriminator_optimizer_;
  Ema<ConditionalDcganGenerator> ema_;
  std::int64_t steps_ = 0;
  double r1_ = 0;
};

}  // namespace duel
