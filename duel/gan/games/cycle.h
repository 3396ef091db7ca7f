// The cycle game: two generators learn to turn pictures of one domain into those of another and back, without pairs
// (CycleGAN, Zhu et al. 2017), with the names of pytorch-CycleGAN-and-pix2pix.
#pragma once

#include <string>

#include "duel/gan/games/game.h"
#include "duel/gan/image_pool.h"
#include "duel/gan/labels.h"
#include "duel/gan/translation_losses.h"

namespace duel {

struct CycleGameOptions {
  Blueprint generator_a, generator_b;          ///< from domain a to b, and back
  Blueprint discriminator_a, discriminator_b;  ///< of pictures of b, and of a
  AdversarialLoss loss = kLeastSquaresLoss;
  CycleLossOptions weights{};
  TargetOptions targets{};  ///< of the discriminators' updates
  std::int64_t pool = 50;   ///< pictures kept for each discriminator, see ImagePool; 0: none
  OptimizerOptions generator_optimizer{.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999};  ///< of both generators together
  OptimizerOptions discriminator_optimizer{.lr = 2e-4, .beta1 = 0.5, .beta2 = 0.999};
  LearningOptions learning{};
  Shape picture_a{3, 256, 256}, picture_b{3, 256, 256};  ///< [C, H, W] of the data, for the pools
  std::uint64_t seed = 0;
  Place place{};
};

/// Two networks of one kind, one for each direction.
struct CyclePair {
  Network a, b;
  void visit(Visitor& v) {
    v.child("a", a);
    v.child("b", b);
  }
};

class CycleGame final : public Game {
 public:
  using Options = CycleGameOptions;
  explicit CycleGame(const Options& options);

  void check_fits(const BatchShape& data) const override;
  std::int64_t batches_per_step() const override { return options_.learning.accumulations; }
  std::vector<Player*> players() override { return {&generator_player_, &discriminator_player_}; }
  std::vector<std::pair<std::string, Network*>> networks() override;
  std::vector<CapturedStep*> captured_steps() override { return {&generator_step_, &discriminator_step_}; }
  /// A row for each of some pictures: of domain a, as b, and back; then of b, as a, and back.
  void prepare_snapshot(Rng& draws, const DataLoader& data) override;
  Tensor snapshot() override;
  /// Scores of the last discriminator updates: "logits_a/real", "logits_a/fake", of b likewise.
  std::vector<std::pair<std::string, Tensor>> distributions() const override { return last_scores_; }

  const Options& options() const { return options_; }

 private:
  /// d_loss, g_loss, then the original's: d_a, g_a, cycle_a, idt_a, d_b, g_b, cycle_b, idt_b.
  Numbers play(DataLoader& data) override;
  void visit(Visitor& v) override;
  using Outputs = CapturedStep::Outputs;
  // Work on the device alone. Of each round the generators look at two real pictures and draw from one stream; the
  // discriminators look at real ones of b, those shown as b, real ones of a, those shown as a, and go on in it.
  Outputs learn_generators(const CapturedStep::Inputs& inputs, Doing doing);
  Outputs learn_discriminators(const CapturedStep::Inputs& inputs, Doing doing);
  Variable generator_loss(const Tensor& real_a, const Tensor& real_b, Rng& draws, Outputs& terms, Outputs& fakes);
  void tell(const Outputs& outputs, const Player& player, std::string_view loss, Numbers& numbers);

  Options options_;
  CyclePair generators_, discriminators_;
  Player generator_player_, discriminator_player_;
  ImagePool pool_a_, pool_b_;  // of pictures in a and in b
  CapturedStep generator_step_, discriminator_step_;
  std::vector<std::uint64_t> drawn_;  // how far the generators' update went in the stream of each round
  Batch shown_;
  Outputs last_scores_;
};

}  // namespace duel
