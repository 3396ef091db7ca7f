#include "apps/duel/report/report_page.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>

#include "apps/duel/pages/embedded_page.h"
#include "duel/nn/atomic_file.h"
#include "duel/tensor/error.h"

namespace duel::app {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kGenerator = "<meta name=\"generator\" content=\"duel report 1\">";
constexpr std::string_view kDataStart = "<script type=\"application/x-ndjson\" id=\"records\">\n";

// Calls f for the JSON objects of `text` from `begin` on, one a line; what is none, or has no end, is passed over.
template <class F>
void for_each_line(const std::string& text, std::size_t begin, F&& f) {
  for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    Json json = Json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                            text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) f(std::move(json));
  }
}

std::vector<Json> page_records(const fs::path& page) {
  const std::string text = read_file("read report", page);
  const std::size_t start = text.find(kDataStart);
  check(start != std::string::npos, "read report", page, " is cut short");
  std::vector<Json> records;
  for_each_line(text, start + kDataStart.size(), [&](Json record) {
    if (record.contains("kind") && record["kind"].is_string()) records.push_back(std::move(record));
  });
  return records;
}

// N of "step-N.png".
std::optional<std::int64_t> step_of(const std::string& name) {
  constexpr std::string_view prefix = "step-", suffix = ".png";
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return {};
  std::int64_t step = 0;
  const char* end = name.data() + name.size() - suffix.size();
  const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, step);
  return error == std::errc() && stop == end ? std::optional(step) : std::nullopt;
}

std::vector<Json> file_records(const fs::path& run) {
  const fs::path metrics = run / "metrics.jsonl", config = run / "config.json", samples = run / "samples";
  check(fs::exists(metrics), "read report", "there is no run in ", run,
        ": it has neither index.html nor metrics.jsonl");
  std::vector<Json> records;
  if (fs::exists(config)) {
    Json values = Json::parse(read_file("read report", config), nullptr, /*allow_exceptions=*/false);
    check(values.is_object(), "read report", config, " is no JSON object");
    records.push_back({{"kind", "config"}, {"step", 0}, {"values", std::move(values)}});
  }
  for_each_line(read_file("read report", metrics), 0, [&](Json line) {
    if (line.contains("step") && line["step"].is_number_integer())
      records.push_back({{"kind", "metrics"}, {"step", line["step"]}, {"values", line}});
  });
  std::map<std::int64_t, std::string> pictures;
  if (fs::is_directory(samples))
    for (const fs::directory_entry& entry : fs::directory_iterator(samples))
      if (const auto step = step_of(entry.path().filename().string()))
        pictures[*step] = "samples/" + entry.path().filename().string();
  for (const auto& [step, path] : pictures) records.push_back({{"kind", "samples"}, {"step", step}, {"path", path}});
  return records;
}

}  // namespace

std::string report_page() { return html(kReportPage); }

std::string report_line(const Json& record) { return script_text(record) + '\n'; }

bool is_report_page(const fs::path& file) {
  if (!fs::is_regular_file(file)) return false;
  std::ifstream in(file, std::ios::binary);
  std::string head(2000, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  return head.find(kGenerator) != std::string::npos;
}

std::vector<Json> run_records(const fs::path& run) {
  const fs::path page = run / "index.html";
  return is_report_page(page) ? page_records(page) : file_records(run);
}

}  // namespace duel::app
