// LearningRates: sets the rates of a game's players before each step, as the options' schedule says.
#pragma once

#include "apps/duel/options.h"

namespace duel::app {

class LearningRates {
 public:
  /// Throws UsageError for scales of players or parameters that there are not.
  LearningRates(const TrainOptions& options, Game& game);

  /// For step `step`, counted from 0, of an epoch counted likewise.
  void set(std::int64_t step, std::int64_t epoch);
  /// Freezes and thaws as all the steps before `step` have; before the game's state of that step is loaded.
  void catch_up(std::int64_t step);
  /// What the plateau looks at. To be told after each step.
  void observe(const Numbers& numbers, std::int64_t epoch);
  /// What all rates are multiplied by besides.
  double lowered() const { return lowered_.item(); }
  void set_lowered(double factor) { *lowered_.mutable_data<double>() = factor; }
  /// By player, for logs: "generator_lr".
  std::vector<std::pair<std::string, double>> rates() const;
  /// The state for a checkpoint, sharing memory.
  StateDict state();

 private:
  struct Scale {
    Player* player;
    std::string pattern;
    double factor;
    std::int64_t from;  // step
  };
  static Scale parse(const std::string& text, const std::vector<Player*>& players);

  ScheduleOptions options_;
  std::int64_t images_per_step_;  // as the burn-in counts them
  std::vector<Player*> players_;
  std::vector<double> base_;  // of the players
  std::vector<Scale> scales_;
  Plateau plateau_;
  Tensor lowered_ = Tensor::from({1.0}, {});
  Tensor sum_ = Tensor::zeros({2}, {.dtype = DType::float64});  // of the epoch's losses, and their number
  Tensor epoch_ = Tensor::zeros({}, {.dtype = DType::int64});
};

}  // namespace duel::app
