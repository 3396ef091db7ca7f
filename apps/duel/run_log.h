// RunLog: what a run writes for those who watch it: metrics.jsonl always, and by choice index.html, metrics.csv and
// TensorBoard's events.
#pragma once

#include <optional>

#include "apps/duel/csv_log.h"
#include "apps/duel/metrics_log.h"
#include "apps/duel/report/report_writer.h"
#include "apps/duel/run_directory.h"
#include "duel/gan/tensorboard.h"

namespace duel::app {

class RunLog {
 public:
  /// Goes on after `step`.
  RunLog(const RunDirectory& run, const TrainOptions& options, std::int64_t step);

  /// A line with "step".
  void metrics(const Json& line);
  /// The grid in that file.
  void samples(std::int64_t step, const std::filesystem::path& png, const Tensor& grid);
  /// Of each player's parameters, as last watched.
  void layers(std::int64_t step, Game& game);
  void histogram(std::int64_t step, const std::string& name, std::span<const float> values);
  void warning(std::int64_t step, const std::string& text);
  void finish(const std::string& status);

 private:
  MetricsLog metrics_;
  std::optional<CsvLog> csv_;
  std::optional<ReportWriter> report_;
  std::optional<TensorBoardWriter> tensorboard_;
};

}  // namespace duel::app
