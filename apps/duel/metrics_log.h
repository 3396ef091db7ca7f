// MetricsLog: a run's metrics.jsonl, a JSON object per line.
#pragma once

#include <filesystem>
#include <fstream>

#include "apps/duel/options.h"

namespace duel::app {

class MetricsLog {
 public:
  /// Opens the file to go on after `step`: lines of later steps, and a last one cut short, are dropped first.
  MetricsLog(std::filesystem::path file, std::int64_t step);
  /// Appends a line; it is in the file when this returns. Throws with the system's reason if it can't be.
  void write(const Json& line);

 private:
  std::filesystem::path file_;
  std::ofstream out_;
};

}  // namespace duel::app
