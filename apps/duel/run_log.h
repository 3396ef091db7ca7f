// RunLog: what a run writes for those who watch it: metrics.jsonl always, and by choice index.html, metrics.csv,
// TensorBoard's events and what plug-ins' loggers make of it.
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
  /// Throws UsageError for loggers that there are not.
  static void check_loggers(const TrainOptions& options);
  /// Goes on after `step`.
  RunLog(const RunDirectory& run, const TrainOptions& options, std::int64_t step);

  /// A line with "step".
  void metrics(const Json& line);
  /// The grid in that file.
  void samples(std::int64_t step, const std::filesystem::path& png, const Tensor& grid);
  /// A plug-in's snapshot in that file.
  void snapshot(std::int64_t step, const std::string& name, const std::filesystem::path& png, const Tensor& picture);
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
  std::vector<std::unique_ptr<Logger>> more_;  // of plug-ins
};

}  // namespace duel::app
