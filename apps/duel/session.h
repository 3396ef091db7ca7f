// Session: what a run computes with: the data, and the game that learns from it.
#pragma once

#include "apps/duel/checkpoint.h"

namespace duel::app {

struct Session {
  /// Reads the data and makes the networks; writes nothing.
  explicit Session(const TrainOptions& options);

  /// Goes back to where the checkpoint was made. Throws if it doesn't fit these options or this data.
  void restore(const Checkpoint& checkpoint) { restore_checkpoint(checkpoint, game, batches); }

  TrainOptions options;  ///< with the data's sizes
  Rng streams;           ///< seeds everything that is random, in the order of the members, and then what else is
  Batches batches;
  AdversarialGame game;

 private:
  Session(const TrainOptions& given, Dataset data);
};

}  // namespace duel::app
