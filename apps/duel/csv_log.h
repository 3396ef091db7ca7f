// CsvLog: a run's metrics.csv, for spreadsheets: metrics.jsonl with a column per name.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/duel/json.h"

namespace duel::app {

class CsvLog {
 public:
  /// Begins with the lines that `metrics` (metrics.jsonl) has.
  CsvLog(std::filesystem::path file, std::filesystem::path metrics);
  /// A line that `metrics` has by now. One with a new name writes the file anew, with a column for it.
  void write(const Json& line);

 private:
  void rebuild();
  std::string row(const Json& line) const;

  std::filesystem::path file_, metrics_;
  std::vector<std::string> columns_;
};

}  // namespace duel::app
