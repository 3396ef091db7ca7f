// duel data: what is wrong with a data set, and packing one.
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/commands/option_flags.h"
#include "apps/duel/data_check.h"
#include "apps/duel/describe_options.h"
#include "apps/duel/open_data.h"
#include "apps/duel/output_file.h"
#include "duel/gan/data/packed.h"
#include "duel/gan/data/subset.h"
#include "duel/nn/atomic_file.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

struct DataLine {
  std::string path, out, json;
  std::int64_t min_size = 0, limit = 20;
  std::shared_ptr<OptionWords> words = std::make_shared<OptionWords>();
};

DataOptions data_options(const DataLine& line) {
  DataOptions data = resolve(option_layers(*line.words)).data;
  data.path = line.path;
  return data;
}

// How far it is, on a terminal.
std::function<void(std::int64_t, std::int64_t)> progress_line(const char* verb) {
  if (::isatty(STDERR_FILENO) != 1) return {};
  return [verb](std::int64_t done, std::int64_t total) {
    fmt::print(stderr, "\r{} {} of {}{}", verb, done, total, done == total ? "\n" : "");
    std::fflush(stderr);
  };
}

// check

struct Part {
  std::string name;  // empty: it is all there is
  std::shared_ptr<const Dataset> data;
};

// The two sides of unaligned pictures are two data sets.
std::vector<Part> open_parts(DataOptions options, std::vector<Finding>& left_out) {
  const std::int64_t most = std::exchange(options.max_size, 0);
  std::shared_ptr<const Dataset> all = open_data(options, [&](const std::string& line) {
    left_out.push_back({FindingKind::unmatched, "", line});
  });
  std::vector<Part> parts{{"", all}};
  if (const auto* sides = dynamic_cast<const UnalignedDataset*>(all.get()))
    parts = {{"pictures", sides->pictures()}, {"targets", sides->targets()}};
  if (most > 0)
    for (Part& part : parts) part.data = take_first(part.data, most);
  return parts;
}

std::string text_of(const PictureKind& kind) {
  return fmt::format("{} x {}, {} channel{}, {} bits", kind.width, kind.height, kind.channels,
                     kind.channels == 1 ? "" : "s", kind.bits);
}

// The most frequent ones first.
std::vector<std::pair<PictureKind, std::int64_t>> by_count(const std::map<PictureKind, std::int64_t>& counts) {
  std::vector<std::pair<PictureKind, std::int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

void print_findings(const DataReport& report, std::int64_t limit) {
  auto next = report.findings.begin();
  while (next != report.findings.end()) {
    const FindingKind kind = next->kind;
    const auto end = std::find_if(next, report.findings.end(), [&](const Finding& f) { return f.kind != kind; });
    fmt::print("{} ({})\n", to_text(kind), end - next);
    std::int64_t shown = 0;
    for (; next != end && (limit == 0 || shown < limit); ++next, ++shown)
      fmt::print("  {}{}{}\n", next->example, next->example.empty() ? "" : " ", next->message);
    if (next != end) fmt::print("  and {} more: --limit 0 shows all\n", end - next);
    next = end;
  }
}

void print_summary(const DataReport& report, const std::string& name) {
  constexpr std::size_t kFew = 10;
  fmt::print("{}{} examples, {} readable\n", name.empty() ? "" : name + ": ", fmt::group_digits(report.examples),
             fmt::group_digits(report.readable));
  const auto print_counts = [&](const char* title, const auto& counts, auto&& text) {
    for (std::size_t i = 0; i < std::min(kFew, counts.size()); ++i)
      fmt::print("  {:<8} {:>9}  {}\n", i == 0 ? title : "", fmt::group_digits(counts[i].second),
                 text(counts[i].first));
    if (counts.size() > kFew) fmt::print("  {:<8} {:>9}  and {} others\n", "", "", counts.size() - kFew);
  };
  print_counts("sizes", by_count(report.kinds), [](const PictureKind& kind) { return text_of(kind); });
  print_counts("classes", report.classes, [](const std::string& c) { return c; });
}

// Text for JSON, which takes no other bytes than UTF-8: file names may have any.
std::string utf8(const std::string& text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

Json as_json(const DataReport& report, const std::string& name) {
  Json sizes = Json::array(), classes = Json::array(), findings = Json::array();
  for (const auto& [kind, count] : by_count(report.kinds))
    sizes.push_back({{"width", kind.width},
                     {"height", kind.height},
                     {"channels", kind.channels},
                     {"bits", kind.bits},
                     {"count", count}});
  for (const auto& [class_name, count] : report.classes)
    classes.push_back({{"name", utf8(class_name)}, {"count", count}});
  for (const Finding& f : report.findings)
    findings.push_back({{"kind", to_text(f.kind)}, {"example", utf8(f.example)}, {"message", utf8(f.message)}});
  return {{"part", name},   {"examples", report.examples}, {"readable", report.readable},
          {"sizes", sizes}, {"classes", classes},          {"findings", findings}};
}

int check_command(const DataLine& line) {
  if (line.path.empty()) throw UsageError("which data set? Give its folder or file: duel data check PATH");
  if (line.min_size < 0 || line.limit < 0) throw UsageError("--min-size and --limit are numbers from 0 on");
  if (!line.json.empty()) check_output("--json", line.json, FileKind::report);
  std::vector<Finding> left_out;
  const std::vector<Part> parts = open_parts(data_options(line), left_out);
  Json all = Json::array();
  std::size_t findings = 0;
  for (const Part& part : parts) {
    DataReport report = check_data(*part.data, {.min_size = line.min_size, .progress = progress_line("checked")});
    report.findings.insert(report.findings.begin(), std::make_move_iterator(left_out.begin()),
                           std::make_move_iterator(left_out.end()));
    left_out.clear();
    findings += report.findings.size();
    print_findings(report, line.limit);
    print_summary(report, part.name);
    all.push_back(as_json(report, part.name));
  }
  fmt::print("{}\n", findings == 0   ? std::string("nothing is wrong")
                     : findings == 1 ? std::string("1 finding")
                                     : fmt::format("{} findings", fmt::group_digits(findings)));
  if (!line.json.empty())
    atomic_write(line.json, Json({{"data", utf8(line.path)}, {"findings", findings}, {"parts", all}}).dump(2) + "\n");
  return findings == 0 ? 0 : 1;
}

// pack

int pack_command(const DataLine& line) {
  if (line.path.empty() || line.out.empty())
    throw UsageError("what, and where to? Give a folder or file, and the file to make: duel data pack PATH OUT");
  if (fs::exists(line.out) && !is_packed(line.out))
    throw UsageError(fmt::format("{} is there and is no packed data set; choose another name", line.out));
  const auto say = [](const std::string& text) { fmt::print(stderr, "{}\n", text); };
  const std::unique_ptr<Dataset> data = open_data(data_options(line), say);
  pack(*data, line.out, {.progress = progress_line("packed"), .warn = say});
  fmt::print("{}: {} examples, {} bytes\n", line.out, fmt::group_digits(data->size()),
             fmt::group_digits(fs::file_size(line.out)));
  return 0;
}

// Those of TrainOptions that say what the data set is.
void add_data_flags(CLI::App& app, const DataLine& line) {
  static const std::set<std::string> kNames = {"data_b",  "data_format", "data_mode", "split",
                                               "classes", "max_size",    "halves",    "direction"};
  TrainOptions defaults;
  describe_data(defaults, [&](const OptionInfo& info, const auto& value) {
    if (!kNames.contains(info.name)) return;
    const bool is_format = info.name == std::string("data_format");
    app.add_option_function<std::string>(
           (is_format ? "--format," : "") + flag(info.name),
           [words = line.words, name = info.name](const std::string& word) { words->flags[name] = word; },
           fmt::format("{} ({})", info.help, expects(info, value)))
        ->group(info.group)
        ->type_name("");
  });
}

}  // namespace

Command data_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("data", "check a data set, or pack it into one file");
  app->allow_extras();
  const auto line = std::make_shared<DataLine>();
  CLI::App* checking = app->add_subcommand(
      "check",
      "read everything and list what can't be read, is there twice, has another size, or another class with "
      "the same pixels. Exit code: 0 nothing is wrong, 1 something is");
  CLI::App* packing = app->add_subcommand("pack", "decode everything into one file, of the format packed");
  for (CLI::App* command : {checking, packing}) {
    command->allow_extras();
    command->add_option("path", line->path, "folder or file of the data set")->type_name("PATH");
    add_data_flags(*command, *line);
  }
  checking->add_option("--min-size", line->min_size, "list pictures with a side shorter than this")
      ->type_name("PIXELS");
  checking->add_option("--limit", line->limit, "how many findings of each kind to show; 0: all")->type_name("N");
  checking->add_option("--json", line->json, "write the report, with all findings, to this file")->type_name("FILE");
  packing->add_option("out", line->out, "the file to make")->type_name("OUT");
  return {app, [line, checking, packing] {
            if (checking->parsed()) return check_command(*line);
            if (packing->parsed()) return pack_command(*line);
            throw UsageError("what to do with the data: check or pack? See duel data --help");
          }};
}

}  // namespace duel::app
