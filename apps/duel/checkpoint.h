// Checkpoints: the whole state of a training run in one safetensors file, and in its metadata what the networks are.
//
// The file holds nothing that two runs computing the same numbers could differ in: no time, folder, device or number of
// threads.
#pragma once

#include <filesystem>
#include <string>

#include "apps/duel/options.h"
#include "duel/nn/safetensors.h"

namespace duel::app {

struct Checkpoint {
  std::filesystem::path file;
  Safetensors content;
  TrainOptions options;  ///< those of Scope::numbers and the data's sizes; the rest are defaults
  std::int64_t step = 0;
};

/// Throws `Error`, naming the file, if it can't be read or isn't a checkpoint.
Checkpoint read_checkpoint(const std::filesystem::path& file);

/// Writes `file` as a whole or not at all. `options.data_sizes` must be those of the data.
void write_checkpoint(const std::filesystem::path& file, const TrainOptions& options, AdversarialGame& game,
                      const Batches& batches);

/// Puts game and data where they were. Throws, having changed neither, if the checkpoint doesn't fit.
void restore_checkpoint(const Checkpoint& checkpoint, AdversarialGame& game, Batches& batches);

/// The tensors named `prefix`.something, as something.
StateDict part(const StateDict& state, const std::string& prefix);

}  // namespace duel::app
