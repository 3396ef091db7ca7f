// The auto-encoding game: an auto-encoder learns to give back the pictures it is shown, through a code; a variational
// one (Kingma and Welling 2014) makes new ones besides.
#pragma once

#include <string>

#include "duel/gan/games/game.h"

namespace duel {

struct AutoencodingGameOptions {
  Blueprint autoencoder;
  OptimizerOptions optimizer{.lr = 1e-3};
  LearningOptions learning{};
  double beta = 1;      ///< of a variational one's divergence (Higgins et al. 2017)
  double sparsity = 0;  ///< times the mean |code|, for overcomplete ones
  std::uint64_t seed = 0;
  Place place{};
};

class AutoencodingGame final : public Game {
 public:
  using Options = AutoencodingGameOptions;
  explicit AutoencodingGame(const Options& options);

  void check_fits(const BatchShape& data) const override;
  std::int64_t batches_per_step() const override { return options_.learning.accumulations; }
  std::vector<Player*> players() override { return {&player_}; }
  std::vector<std::pair<std::string, Network*>> networks() override { return {{"autoencoder", &network_}}; }
  std::vector<CapturedStep*> captured_steps() override { return {&step_}; }
  /// Rows of pictures, each beside what became of it; of a variational one also new ones, from N(0, 1).
  void prepare_snapshot(Rng& draws, const DataLoader& data) override;
  Tensor snapshot() override;

  /// Whether it has a distribution of codes to draw from.
  bool is_variational() const { return variational_; }
  /// The length of the code.
  std::int64_t code() const { return code_; }
  /// Pictures [N, C, H, W] in [-1, 1] of codes [N, code], in evaluation mode.
  Tensor decode(const Tensor& codes);
  const Options& options() const { return options_; }

 private:
  /// loss and reconstruction, sums over the pixels; kl of a variational one, sparsity if asked for.
  Numbers play(DataLoader& data) override;
  void visit(Visitor& v) override;
  using Outputs = CapturedStep::Outputs;
  Outputs learn_all(const CapturedStep::Inputs& inputs, Doing doing);
  Variable loss(const Tensor& pictures, Rng draws, Outputs& terms);
  Tensor from_range(const Tensor& pictures) const;
  Tensor to_range(const Tensor& pictures) const;

  Options options_;
  Network network_;
  Player player_;
  PixelModel pixels_;
  bool variational_;
  std::int64_t code_;
  CapturedStep step_;
  Tensor shown_, shown_codes_;
};

}  // namespace duel
