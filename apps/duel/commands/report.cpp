// duel report: a page to look at a run, or at several beside each other.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/report/report_page.h"
#include "apps/duel/run_directory.h"
#include "duel/nn/atomic_file.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

struct ReportLine {
  std::vector<std::string> runs;
  std::string out;
  bool embed = false;
};

void check_line(const ReportLine& line) {
  if (line.runs.empty()) throw UsageError("report on what? Give the folders of one or more runs");
  for (const std::string& run : line.runs)
    if (!fs::exists(fs::path(run) / "metrics.jsonl") && !is_report_page(fs::path(run) / "index.html"))
      throw UsageError(fmt::format("there is no run in {}", run));
  if (line.out.empty() && line.runs.size() > 1)
    throw UsageError("where to put the page of several runs? Give --out FOLDER");
  if (line.out.empty()) return;
  if (fs::exists(fs::path(line.out) / "metrics.jsonl"))
    throw UsageError(fmt::format("{} is the folder of a run; choose another for --out", line.out));
}

// The folder's name where it says which of the runs it is, else the whole path.
std::vector<std::string> names_of(const std::vector<std::string>& runs) {
  std::vector<std::string> names;
  std::map<std::string, int> count;
  for (const std::string& run : runs) {
    names.push_back(fs::weakly_canonical(run).filename().string());
    ++count[names.back()];
  }
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (count[names[i]] > 1) names[i] = runs[i];
  return names;
}

// RFC 4648.
std::string base64(const std::string& bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += i + k > bytes.size() ? '=' : digits[three >> (18 - 6 * k) & 63];
  }
  return text;
}

// The pictures seen from the page's folder, or as part of it; those that are no longer there are left out.
std::vector<Json> with_pictures(std::vector<Json> records, const fs::path& run, const fs::path& out, bool embed) {
  std::vector<Json> kept;
  for (Json& record : records) {
    if (record["kind"] == "samples") {
      const fs::path picture = run / record.value("path", "");
      if (!fs::is_regular_file(picture)) continue;
      record["path"] = embed ? "data:image/png;base64," + base64(read_file("report", picture))
                             : fs::relative(picture, out).generic_string();
    }
    kept.push_back(std::move(record));
  }
  return kept;
}

// A training run appends to its own page, which must not be exchanged under it; what it has written will do.
bool acquired(RunDirectory& own, const ReportLine& line) {
  try {
    own.acquire();
    return true;
  } catch (const Error& e) {
    if (line.embed || !is_report_page(own.page())) throw;
    fmt::print("{}: up to date as the run itself has written it, and not written anew: {}\n", own.page().string(),
               e.what());
    return false;
  }
}

int report(const ReportLine& line) {
  check_line(line);
  const fs::path out = line.out.empty() ? fs::path(line.runs[0]) : fs::path(line.out), file = out / "index.html";
  if (fs::exists(file) && !is_report_page(file))
    throw UsageError(fmt::format("{} is there and is none of ours; choose another folder with --out", file.string()));
  RunDirectory own(out);
  if (line.out.empty() && !acquired(own, line)) return 0;
  fs::create_directories(out);
  std::string page = report_page();
  const std::vector<std::string> names = names_of(line.runs);
  for (std::size_t i = 0; i < line.runs.size(); ++i) {
    const fs::path run = line.runs[i];
    if (!line.out.empty()) page += report_line({{"kind", "run"}, {"name", names[i]}});
    for (const Json& record : with_pictures(run_records(run), run, out, line.embed)) page += report_line(record);
  }
  atomic_write(file, page);
  fmt::print("{}: {}\n", file.string(), fmt::join(names, ", "));
  return 0;
}

}  // namespace

Command report_command(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("report", "make a page of a run's curves and samples, or of several beside each other");
  const auto line = std::make_shared<ReportLine>();
  app->allow_extras();
  app->footer(
      "A run writes its page, index.html, while it trains. This makes that of a run which has none, or one that "
      "compares\n"
      "runs: open it in a browser. It refers to the runs' pictures where they are, unless they are embedded.");
  app->add_option("runs", line->runs, "folders of runs")->type_name("FOLDER");
  app->add_option("--out", line->out, "folder for the page; for one run its own if not given")->type_name("FOLDER");
  app->add_flag("--embed", line->embed, "put the pictures into the page, so that it can be sent as one file");
  return {app, [line] { return report(*line); }};
}

}  // namespace duel::app
