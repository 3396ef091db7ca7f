// RunDirectory: the folder of one training run. It knows what a run puts there, who may write to it, and what of it may
// be removed.
//
//   config.json                        the exact configuration
//   metrics.jsonl                      a line of numbers now and then; by choice also metrics.csv
//   index.html                         a page to watch it by
//   events/                            TensorBoard's files, by choice
//   samples/step-000500.png            grids of samples
//   checkpoints/latest.safetensors     the whole state; also as step-500.safetensors, the last few kept,
//                                      and best.safetensors, by choice
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "apps/duel/options.h"

namespace duel::app {

class RunDirectory {
 public:
  explicit RunDirectory(std::filesystem::path folder);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  enum class Content : std::uint8_t { nothing, run, foreign };
  /// What is there now: a run is known by a config.json with a run's options in it. A folder that doesn't exist holds
  /// nothing, and so do leftovers of a run that was killed before it wrote anything.
  Content content() const;

  /// Makes the folder if need be and keeps other processes from training in it until this object dies. Throws if
  /// another one does, or if nothing can be written there.
  void acquire();
  /// Makes what is missing of its folders, and removes unfinished files that a killed process left.
  void prepare() const;
  /// Removes what a run puts there, and nothing else.
  void remove_run() const;
  /// Removes the oldest numbered checkpoints but `keep` of those up to `step`.
  void prune_checkpoints(std::int64_t step, std::int64_t keep) const;
  /// Removes the numbered checkpoints and samples of later steps.
  void forget_after(std::int64_t step) const;

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path config() const { return folder_ / "config.json"; }
  std::filesystem::path metrics() const { return folder_ / "metrics.jsonl"; }
  std::filesystem::path page() const { return folder_ / "index.html"; }
  std::filesystem::path events() const { return folder_ / "events"; }
  std::filesystem::path samples(std::int64_t step) const;
  /// Of a plug-in, beside the samples.
  std::filesystem::path snapshot(std::int64_t step, const std::string& name) const;
  std::filesystem::path best_checkpoint() const { return checkpoints() / "best.safetensors"; }
  std::filesystem::path latest_checkpoint() const { return checkpoints() / "latest.safetensors"; }
  std::filesystem::path numbered_checkpoint(std::int64_t step) const;
  bool has_checkpoint() const;
  /// The steps of the numbered checkpoints, latest first.
  std::vector<std::int64_t> numbered_checkpoints() const;

 private:
  std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }
  std::filesystem::path sample_folder() const { return folder_ / "samples"; }

  std::filesystem::path folder_;
  int lock_ = -1;  // the folder itself, opened and locked
};

}  // namespace duel::app
