// The translation game: a generator learns from pairs to make one picture of another (pix2pix), colours of a grey one,
// or a good picture of a spoilt one (fastai's image restoration).
#pragma once

#include <string>

#include "duel/gan/games/adversarial.h"

namespace duel {

/// What the pictures' channels are, for those who look at them.
enum class ColourSpace : std::uint8_t {
  rgb,  ///< or grey
  lab,  ///< pictures are L, targets a and b, as `lightness_and_colours` of data/lab.h gives them
};

/// What the discriminator is shown: a picture beside the one it was made of (pix2pix), or by itself (fastai).
enum class Judged : std::uint8_t { pair, picture };

/// How a generated picture is compared with the wanted one: mean |y - x|, or mean (y - x)^2.
enum class PixelLoss : std::uint8_t { l1, mse };

struct TranslationGameOptions {
  Blueprint generator, discriminator;  ///< the discriminator's in_channels are both pictures' for Judged::pair
  AdversarialLoss loss = kVanillaLoss;
  double pixel_weight = 100;  ///< of the comparison beside the adversarial loss
  PixelLoss pixel_loss = PixelLoss::l1;
  Judged judged = Judged::pair;
  OptimizerOptions generator_optimizer{.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999};
  OptimizerOptions discriminator_optimizer{.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999};
  LearningOptions learning{};
  TargetOptions targets{};                  ///< of the discriminator's updates
  UpdateOrder order = UpdateOrder::shared;  ///< or generator_first (Ganzo)
  /// If one is given, a step is one update, of the side whose turn it is (see AdaptiveSwitcher), from where both play.
  AdaptiveSwitcherOptions adaptive{};
  /// fastai's `from_learners` in one run: the first steps train the generator by the comparison alone, the next ones
  /// the discriminator alone, then both play.
  std::int64_t pretrain_generator = 0, pretrain_discriminator = 0;
  ColourSpace colours = ColourSpace::rgb;
  std::uint64_t seed = 0;
  Place place{};
};

class TranslationGame final : public Game {
 public:
  using Options = TranslationGameOptions;
  explicit TranslationGame(const Options& options);

  void check_fits(const BatchShape& data) const override;
  std::int64_t batches_per_step() const override { return options_.learning.accumulations; }
  std::vector<Player*> players() override { return {&generator_player_, &discriminator_player_}; }
  std::vector<std::pair<std::string, Network*>> networks() override {
    return {{"generator", &generator_}, {"discriminator", &discriminator_}};
  }
  std::vector<CapturedStep*> captured_steps() override { return {&step_}; }
  /// A row for each of some pictures: the input, what was made of it, the target.
  void prepare_snapshot(Rng& draws, const DataLoader& data) override;
  Tensor snapshot() override;

  /// Of the last discriminator update.
  std::vector<std::pair<std::string, Tensor>> distributions() const override { return last_scores_; }

  /// Pictures [N, C, H, W] of pictures [N, C', H, W], in evaluation mode.
  Tensor translate(const Tensor& pictures);
  const Options& options() const { return options_; }

 private:
  /// d_loss, g_loss, g_gan and g_pixel (weighted), d_real, d_fake (mean scores), of those who learn in this step; of a
  /// generator that learns alone, g_pixel.
  Numbers play(DataLoader& data) override;
  void visit(Visitor& v) override;
  struct Round;
  /// Who learns in a step.
  struct Learners {
    bool generator, discriminator;
    bool alone = false;  ///< the generator by the comparison only
  };
  using Outputs = CapturedStep::Outputs;
  Learners learners() const;
  std::vector<Round> rounds_of(const CapturedStep::Inputs& inputs);
  Variable scores(const Variable& inputs, const Variable& pictures, Rng& draws);
  Variable pixel_loss(const Variable& fake, const Variable& target) const;
  // Work on the device alone.
  Outputs learn_all(const CapturedStep::Inputs& inputs, Learners who, Doing doing);
  void learn_generator(const std::vector<Round>& rounds, Learners who, Doing doing, Outputs& outputs);
  void learn_discriminator(const std::vector<Round>& rounds, Doing doing, Outputs& outputs);

  Options options_;
  Network generator_, discriminator_;
  Player generator_player_, discriminator_player_;
  std::optional<AdaptiveSwitcher> switcher_;
  CapturedStep step_;
  Outputs last_scores_;
  Batch shown_;
};

}  // namespace duel
