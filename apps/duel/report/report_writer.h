// ReportWriter: a run's index.html while it trains. See report_page.h for what is in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/duel/json.h"
#include "duel/nn/append_file.h"

namespace duel::app {

/// What there is to know about a layer's weight at some step; a number that is not finite is shown as that.
struct LayerRecord {
  std::string network, layer;
  double gradient_norm = 0, weight_norm = 0;
  std::optional<double> singular_value = {};  ///< the largest one, if it is known
};

/// Every call appends one line to the page, however long that is already, and throws `Error` with the path if it can't.
class ReportWriter {
 public:
  /// Goes on after `step` with the page in the run's folder: records of later steps, and one cut short, are dropped.
  /// Without a page, metrics.jsonl and samples of a run begun without one are taken over. Throws if an index.html is
  /// there that is no such page.
  explicit ReportWriter(const std::filesystem::path& run, std::int64_t step = 0);

  /// The options' values, and for those of which it is known where they came from.
  void config(const Json& values, const Json& sources = Json::object());
  /// A line of metrics.jsonl: an object with "step" and numbers.
  void metrics(const Json& line);
  /// A picture by its path from the run's folder, "samples/step-000500.png".
  void samples(std::int64_t step, const std::string& path);
  /// Of the values' distribution. Names alike up to the last '/', as "logits/real" and "logits/fake", share a chart.
  /// NaN and infinity are left out.
  void histogram(std::int64_t step, const std::string& name, std::span<const float> values);
  void layers(std::int64_t step, const std::vector<LayerRecord>& layers);
  void warning(std::int64_t step, const std::string& text);
  /// "complete", "interrupted", or what went wrong.
  void finish(const std::string& status);

 private:
  void append(const char* kind, std::int64_t step, Json record);

  std::int64_t step_;  // the last one heard of
  std::unique_ptr<AppendFile> file_;
};

}  // namespace duel::app
