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
  struct Round;
  Variable generator_loss(Round& round, Numbers& numbers);
  Variable discriminator_loss(const Round& round, Numbers& numbers);

  Options options_;
  CyclePair generators_, discriminators_;
  Player generator_player_, discriminator_player_;
  ImagePool pool_a_, pool_b_;  // of pictures in a and in b
  Batch shown_;
  std::vector<std::pair<std::string, Tensor>> last_scores_;
};

}  // namespace duel
