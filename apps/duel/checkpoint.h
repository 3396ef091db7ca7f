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
  TrainOptions options;  ///< those of Scope::numbers and the shape of the data; the rest are defaults
  std::vector<std::string> class_names{};  ///< those of the options, or else of the data; or none
  std::int64_t step = 0;
};

/// Throws `Error`, naming the file, if it can't be read or isn't a checkpoint.
Checkpoint read_checkpoint(const std::filesystem::path& file);

/// What is saved and restored: the game, its place in the data, and what else training remembers, by name, in tensors
/// that are shared with whoever remembers it.
struct Trained {
  Game& game;
  DataLoader& data;
  StateDict training;
};

/// Writes `file` as a whole or not at all. `options.data_shape` must be that of the data.
void write_checkpoint(const std::filesystem::path& file, const TrainOptions& options, const Trained& trained);

/// Puts all of it where it was. Throws, having changed nothing, if the checkpoint doesn't fit.
void restore_checkpoint(const Checkpoint& checkpoint, const Trained& trained);

/// The tensors named `prefix`.something, as something.
StateDict part(const StateDict& state, const std::string& prefix);

}  // namespace duel::app
