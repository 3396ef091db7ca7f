// Checkpoints: the whole state of a training run in one safetensors file, and in its metadata what the networks are.
//
// The file holds nothing that two runs computing the same numbers could differ in: no time, folder, device or number of
// threads.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "apps/duel/options.h"
#include "duel/nn/safetensors.h"

namespace duel::app {

/// Whether a run may go on with other data than those that its checkpoint was made with.
enum class OtherData : std::uint8_t { refuse, accept };

struct Checkpoint {
  std::filesystem::path file;
  Safetensors content;
  TrainOptions options;                    ///< those of Scope::numbers and the shape of the data; the rest are defaults
  std::vector<std::string> class_names{};  ///< those of the options, or else of the data; or none
  std::int64_t step = 0;
  /// `DataLoader::fingerprint` of its data; none in files of earlier versions.
  std::optional<std::uint64_t> data_fingerprint{};
  OtherData other_data =
      OtherData::refuse;  ///< what it is restored with; other data begin with the epoch's first batch
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

/// Puts all of it where it was. Throws, having changed nothing, if the checkpoint doesn't fit: of the data, if their
/// number or what DataLoader::fingerprint shows of them is another and `other_data` refuses that.
void restore_checkpoint(const Checkpoint& checkpoint, const Trained& trained);

/// The tensors named `prefix`.something, as something.
StateDict part(const StateDict& state, const std::string& prefix);

}  // namespace duel::app
