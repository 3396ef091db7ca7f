// Session: what a run computes with: the data, and the game that learns from it.
#pragma once

#include "apps/duel/checkpoint.h"
#include "apps/duel/learning_rates.h"
#include "apps/duel/oversight.h"

namespace duel::app {

struct Session {
  /// Reads the data and makes the networks; writes nothing. `warn` gets a line for each file that is left out.
  explicit Session(const TrainOptions& options, const std::function<void(const std::string&)>& warn = {});

  /// Goes back to where the checkpoint was made. Throws if it doesn't fit these options or this data.
  void restore(const Checkpoint& checkpoint);
  Trained trained();
  /// Whether the networks are the best so far by the criterion of the options.
  bool is_best();

  TrainOptions options;  ///< with the data's sizes
  Rng streams;           ///< seeds everything that is random, in the order of the members, and then what else is
  DataLoader data;
  std::unique_ptr<Game> game;
  LearningRates rates;
  Oversight oversight;
  Criterion criterion;  ///< a plug-in's; null where the best is told by one of the numbers, or not at all
};

}  // namespace duel::app
