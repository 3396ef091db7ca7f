// Trainer: one training run, from the data to the last checkpoint. The loop around the game.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "apps/duel/interrupt.h"
#include "apps/duel/progress.h"
#include "apps/duel/run_log.h"
#include "apps/duel/session.h"

namespace duel::app {

/// Whether each step runs under `DetectAnomaly`.
enum class Anomalies : std::uint8_t { pass, detect };

class Trainer {
 public:
  /// Reads the data and makes the networks; writes nothing.
  explicit Trainer(const TrainOptions& options, Anomalies anomalies = Anomalies::pass);

  /// Goes back to where the checkpoint was made. Throws if it doesn't fit these options or this data.
  void restore(const Checkpoint& checkpoint) { session_.restore(checkpoint); }

  enum class End : std::uint8_t { complete, interrupted, stopped };
  /// Trains until the last step, or until the end of the step in which the interrupt was requested or something was
  /// seen that the options say to stop at; either way the last state is saved.
  End train(const RunDirectory& run, const InterruptGuard& interrupt);

  std::int64_t step() const { return session_.game->steps(); }
  std::int64_t total_steps() const { return total_steps_; }

 private:
  using Findings = std::vector<Finding>;

  Numbers make_step();
  /// Whether what watches the run is told the numbers of a step; depends on the step alone, so that a resumed run sees
  /// the same.
  bool is_looked_at(std::int64_t step) const;
  /// What is due after a step; what looks wrong.
  Findings follow_up(const RunDirectory& run, const Numbers& numbers, const Progress& progress);
  void log(const Numbers& numbers, const Progress& progress);
  void report_data(Progress& progress);
  void report_capture(Progress& progress);
  void sample(const RunDirectory& run);
  void write_state(const std::filesystem::path& file);
  void save(const RunDirectory& run);
  /// Says what was found; goes back if the options say so.
  void attend(const RunDirectory& run, const Findings& findings, Progress& progress);
  void roll_back(const RunDirectory& run, const Finding& finding);
  bool is_due(std::int64_t interval) const { return step() == total_steps_ || step() % interval == 0; }

  Session session_;
  std::optional<RunLog> log_;  // while training
  Device device_;
  std::size_t fixed_bytes_ = 0;     // what lies on the device without any batch
  std::set<std::string> refusals_;  // that were told
  Anomalies anomalies_;
  std::int64_t total_steps_;
  std::vector<std::pair<std::string, Snapshot>> snapshots_;  // of plug-ins
  std::int64_t skipped_ = 0;             // examples that could not be read, since this object was made
  double waited_ = 0, waited_from_ = 0;  // for data since the last line of the log, and when that was
};

}  // namespace duel::app
