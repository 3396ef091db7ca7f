#include "apps/duel/report/report_writer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "apps/duel/report/report_page.h"
#include "duel/nn/atomic_file.h"
#include "duel/tensor/error.h"

namespace duel::app {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBins = 40;

double seconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::round(10 * std::chrono::duration<double>(now).count()) / 10;
}

bool belongs(const Json& record, std::int64_t last_step) {
  return record.contains("step") && record["step"].is_number_integer() &&
         record["step"].get<std::int64_t>() <= last_step;
}

// The page as it was at `step`.
std::string page_until(const fs::path& run, std::int64_t step) {
  std::string page = report_page();
  if (!fs::exists(run / "index.html") && !fs::exists(run / "metrics.jsonl")) return page;
  for (const Json& record : run_records(run))
    if (belongs(record, step)) page += report_line(record);
  return page;
}

}  // namespace

ReportWriter::ReportWriter(const fs::path& run, std::int64_t step) : step_(step) {
  const fs::path page = run / "index.html";
  check(!fs::exists(page) || is_report_page(page), "write report", page,
        " is there and is none of ours; move it, or choose another folder");
  atomic_write(page, page_until(run, step));
  file_ = std::make_unique<AppendFile>(page);
  append("session", step, {{"time", seconds_since_1970()}});
}

void ReportWriter::append(const char* kind, std::int64_t step, Json record) {
  Json line = {{"kind", kind}, {"step", step}};
  line.update(record);
  file_->append(report_line(line));
  step_ = std::max(step_, step);
}

void ReportWriter::config(const Json& values, const Json& sources) {
  append("config", step_, {{"values", values}, {"sources", sources}});
}

void ReportWriter::metrics(const Json& line) {
  check(line.contains("step") && line["step"].is_number_integer(), "write report", "metrics without a step");
  append("metrics", line["step"].get<std::int64_t>(), {{"time", seconds_since_1970()}, {"values", line}});
}

void ReportWriter::samples(std::int64_t step, const std::string& path) { append("samples", step, {{"path", path}}); }

void ReportWriter::histogram(std::int64_t step, const std::string& name, std::span<const float> values) {
  double low = INFINITY, high = -INFINITY, sum = 0;
  std::size_t count = 0;
  for (const double x : values) {
    if (!std::isfinite(x)) continue;
    low = std::min(low, x);
    high = std::max(high, x);
    sum += x;
    ++count;
  }
  if (count == 0) return;
  std::vector<std::int64_t> counts(kBins, 0);
  for (const double x : values)
    if (std::isfinite(x)) {
      const double part = high > low ? (x - low) / (high - low) : 0.5;
      ++counts[std::min(static_cast<std::size_t>(part * kBins), kBins - 1)];
    }
  append("histogram", step,
         {{"name", name},
          {"low", low},
          {"high", high},
          {"mean", sum / static_cast<double>(count)},
          {"counts", std::move(counts)}});
}

void ReportWriter::layers(std::int64_t step, const std::vector<LayerRecord>& layers) {
  Json array = Json::array();
  for (const LayerRecord& l : layers) {
    Json entry = {
        {"network", l.network}, {"layer", l.layer}, {"gradient_norm", l.gradient_norm}, {"weight_norm", l.weight_norm}};
    if (l.singular_value) entry["singular_value"] = *l.singular_value;
    array.push_back(std::move(entry));
  }
  append("layers", step, {{"layers", std::move(array)}});
}

void ReportWriter::warning(std::int64_t step, const std::string& text) { append("warning", step, {{"text", text}}); }

void ReportWriter::finish(const std::string& status) { append("finish", step_, {{"status", status}}); }

}  // namespace duel::app
