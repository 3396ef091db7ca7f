// The page of a run as it grows, is cut short and goes on, and the command that compares runs.
#include <doctest/doctest.h>

#include <signal.h>
#include <sys/resource.h>

#include <cmath>

#include "apps/duel/report/report_page.h"
#include "apps/duel/report/report_writer.h"
#include "duel/tensor/error.h"
#include "tests/apps/program.h"

using namespace duel::testing;
using duel::app::Json;
using duel::app::ReportWriter;
namespace fs = std::filesystem;

namespace {

Json metrics_line(int step) { return {{"step", step}, {"d_loss", 1.0 / step}, {"g_loss", 0.5}}; }

// A run's records without those that say when it was trained.
std::vector<Json> records(const fs::path& run) {
  std::vector<Json> kept;
  for (Json& r : duel::app::run_records(run))
    if (r["kind"] != "session") {
      r.erase("time");
      kept.push_back(std::move(r));
    }
  return kept;
}

std::vector<std::int64_t> steps_of(const fs::path& run, const std::string& kind) {
  std::vector<std::int64_t> steps;
  for (const Json& r : records(run))
    if (r["kind"] == kind) steps.push_back(r["step"]);
  return steps;
}

void write_run(const fs::path& run, int steps) {
  fs::create_directories(run / "samples");
  ReportWriter report(run);
  report.config({{"loss", run.filename().string()}, {"steps", steps}}, {{"steps", "command line"}});
  for (int step = 1; step <= steps; ++step) {
    report.metrics(metrics_line(step));
    report.histogram(step, "logits/real", std::vector<float>{-1, 0, 0, 2, NAN});
    report.layers(step, {{"generator", "main.0.weight", 0.1, 2}});
    make_file(run / "samples" / ("step-00000" + std::to_string(step) + ".png"), "png " + std::to_string(step));
    report.samples(step, "samples/step-00000" + std::to_string(step) + ".png");
  }
  report.warning(steps, "beware");
  report.finish("complete");
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const duel::Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a page only grows, by a line for each record") {
  const TempFolder folder;
  ReportWriter report(folder.path());
  std::string before = file_content(folder / "index.html");
  std::size_t length = 0;
  for (int step = 10; step < 100; ++step) {
    report.metrics({{"step", step}, {"d_loss", 0.5}});
    const std::string now = file_content(folder / "index.html");
    REQUIRE(now.starts_with(before));
    REQUIRE(std::count(now.begin() + static_cast<std::ptrdiff_t>(before.size()), now.end(), '\n') == 1);
    if (length > 0) REQUIRE(now.size() - before.size() <= length + 2);  // digits of the time
    length = now.size() - before.size();
    before = now;
  }
  CHECK(steps_of(folder.path(), "metrics").size() == 90);
}

TEST_CASE("whatever is said, the page's data stay data") {
  const TempFolder folder;
  const std::string hostile = "</script><script>alert(1)</script><!-- \xff\n\u2028";
  {
    ReportWriter report(folder.path());
    report.warning(3, hostile);
    report.config({{"description", hostile}});
    report.metrics({{"step", 3}, {"d_loss", NAN}});
    report.histogram(3, "none", std::vector<float>{NAN, INFINITY});  // nothing to show
  }
  const std::string page = file_content(folder / "index.html");
  const std::string data = page.substr(page.find("id=\"records\">") + 13);
  CHECK_FALSE(contains(data, "<"));
  CHECK(std::count(data.begin(), data.end(), '\n') == 5);  // the first ends the element's own line
  const std::vector<Json> all = records(folder.path());
  REQUIRE(all.size() == 3);
  CHECK(all[0]["text"].get<std::string>().starts_with("</script>"));
  CHECK(all[2]["values"]["d_loss"].is_null());
}

TEST_CASE("a run that goes on drops what came later and what was cut short") {
  const TempFolder folder;
  const fs::path run = folder / "r", page = run / "index.html";
  write_run(run, 6);
  const std::vector<Json> whole = records(run);
  make_file(page, file_content(page) + R"({"kind":"metrics","step":2,"val)");
  CHECK(records(run) == whole);
  {
    ReportWriter report(run, 4);
    CHECK(file_content(page).starts_with(duel::app::report_page()));
    for (const char* kind : {"metrics", "samples", "histogram", "layers"})
      CHECK(steps_of(run, kind) == std::vector<std::int64_t>{1, 2, 3, 4});
    CHECK(steps_of(run, "warning").empty());
    CHECK(steps_of(run, "finish").empty());
    CHECK(steps_of(run, "config").size() == 1);
    report.metrics(metrics_line(5));
    report.finish("interrupted");
  }
  CHECK(steps_of(run, "metrics") == std::vector<std::int64_t>{1, 2, 3, 4, 5});
  CHECK(steps_of(run, "finish") == std::vector<std::int64_t>{5});
  // What was kept is as it was written.
  const std::vector<Json> now = records(run);
  for (std::size_t i = 0; i < 1 + 4 * 4; ++i) CHECK(now[i] == whole[i]);
}

TEST_CASE("a run begun without a page gets one with what its files tell") {
  const TempFolder folder;
  const fs::path run = folder / "old";
  fs::create_directories(run / "samples");
  make_file(run / "config.json", R"({"loss": "hinge"})");
  make_file(run / "metrics.jsonl", "{\"step\":1,\"d_loss\":2}\n{\"step\":2,\"d_loss\":1}\n{\"step\":3,\"d_l");
  make_file(run / "samples" / "step-000001.png", "");
  make_file(run / "samples" / "step-000009.png", "");
  make_file(run / "samples" / "mine.png", "");
  { ReportWriter report(run, 2); }
  CHECK(steps_of(run, "metrics") == std::vector<std::int64_t>{1, 2});
  CHECK(steps_of(run, "samples") == std::vector<std::int64_t>{1});
  CHECK(records(run)[0]["values"]["loss"] == "hinge");
}

TEST_CASE("other people's pages are left alone, and a full disk is one error") {
  const TempFolder folder;
  make_file(folder / "index.html", "<html>mine</html>");
  CHECK(contains(error_of([&] { ReportWriter{folder.path()}; }), "none of ours"));
  CHECK(file_content(folder / "index.html") == "<html>mine</html>");
  make_file(folder / "index.html", duel::app::report_page().substr(0, 1500));
  CHECK(contains(error_of([&] { ReportWriter{folder.path()}; }), "cut short"));
  CHECK_FALSE(error_of([&] { ReportWriter(folder / "missing"); }).empty());

  const fs::path run = folder / "r", page = run / "index.html";
  fs::create_directory(run);
  ReportWriter report(run);
  report.metrics(metrics_line(1));
  const std::string before = file_content(page);
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const rlimit low{before.size() + 10, limit.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &low) == 0);
  const std::string message = error_of([&] { report.metrics(metrics_line(2)); });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::signal(SIGXFSZ, handler);
  CHECK_MESSAGE(contains(message, page.string()), message);
  CHECK(file_content(page) == before);
  CHECK_FALSE(error_of([&] { report.metrics({{"loss", 1}}); }).empty());
}

TEST_CASE("duel report puts runs beside each other, with their pictures where they are") {
  const TempFolder folder;
  const fs::path a = folder / "a b#1", b = folder / "b", out = folder / "deep/er";
  write_run(a, 2);
  write_run(b, 3);
  fs::remove(b / "samples" / "step-000002.png");
  const Result r = run({"report", a.string(), b.string(), "--out", out.string()});
  REQUIRE_MESSAGE(r.code == 0, r.err);
  CHECK(contains(r.out, "index.html"));
  const std::vector<Json> all = duel::app::run_records(out);
  std::vector<std::string> names, pictures;
  for (const Json& record : all) {
    if (record["kind"] == "run") names.push_back(record["name"]);
    if (record["kind"] == "samples") pictures.push_back(record["path"]);
  }
  CHECK(names == std::vector<std::string>{"a b#1", "b"});
  REQUIRE(pictures.size() == 4);  // one has gone
  CHECK(pictures[0] == "../../a b#1/samples/step-000001.png");
  for (const std::string& picture : pictures) CHECK(fs::exists(out / picture));

  // As one file.
  REQUIRE(run({"report", b.string(), "--out", out.string(), "--embed"}).code == 0);
  CHECK(contains(file_content(out / "index.html"), "data:image/png;base64,cG5nIDE="));  // "png 1"

  // A run's own page, again.
  const std::vector<Json> before = records(a);
  REQUIRE(run({"report", a.string()}).code == 0);
  CHECK(records(a) == before);
}

TEST_CASE("duel report leaves the page of a run that is training to it") {
  const World world;
  Program program(world.train("r", 100000000));
  REQUIRE(appears(world.run_folder("r") / "index.html"));
  REQUIRE(appears(world.run_folder("r") / "metrics.jsonl"));
  const std::string folder = world.run_folder("r").string();
  const Result r = run({"report", folder});
  CHECK_MESSAGE(r.code == 0, r.err);
  CHECK_MESSAGE(contains(r.out, "index.html: up to date"), r.out);
  CHECK(run({"report", folder, "--embed"}).code == 1);
  CHECK(run({"report", folder, "--out", (world.folder / "out").string()}).code == 0);
}

TEST_CASE("duel report refuses what makes no sense") {
  const TempFolder folder;
  const fs::path a = folder / "a", b = folder / "b";
  write_run(a, 1);
  write_run(b, 1);
  make_file(a / "metrics.jsonl", "");
  make_file(folder / "index.html", "mine");
  const auto refused = [&](const Words& words, const std::string& piece) {
    const Result r = run(Words{"report"} + words);
    CHECK(r.code == 2);
    CHECK_MESSAGE(is_one_error(r.err), r.err);
    CHECK_MESSAGE(contains(r.err, piece), r.err);
  };
  refused({}, "folders");
  refused({a.string(), (folder / "none").string()}, "no run in");
  refused({a.string(), b.string()}, "--out");
  refused({b.string(), "--out", a.string()}, "folder of a run");
  refused({b.string(), "--out", folder.path().string()}, "none of ours");
  CHECK(file_content(folder / "index.html") == "mine");
}
