// duel inspect: its files, its numbers, and what it refuses.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "duel/nn/safetensors.h"
#include "tests/apps/program.h"
#include "tests/support/tolerances.h"

using namespace duel::testing;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

const char* const kFiles[] = {"discriminator.dot", "discriminator.txt", "generator.dot",
                              "generator.txt",     "index.html",        "inspect.json"};

json read_json(const fs::path& file) { return json::parse(file_content(file)); }

// What the page draws: the report with places.
json page_data(const fs::path& page) {
  const std::string html = file_content(page), mark = "id=\"data\">";
  const std::size_t begin = html.find(mark) + mark.size();
  return json::parse(html.substr(begin, html.find("</script>", begin) - begin));
}

Words inspect(const fs::path& out, const Words& more) { return Words{"inspect", "--out", out.string()} + more; }

std::ptrdiff_t lines_of(const fs::path& file) {
  const std::string text = file_content(file);
  return std::count(text.begin(), text.end(), '\n');
}

void check_nodes(const json& loss) {
  std::map<std::uint64_t, json> nodes;
  for (const json& n : loss["nodes"]) nodes[n["id"]] = n;
  CHECK(nodes.size() == loss["nodes"].size());
  std::size_t parameters = 0, gradients = 0;
  for (const auto& [id, n] : nodes) {
    INFO(n.dump());
    for (const std::uint64_t input : n["inputs"]) CHECK((input == 0 || (input < id && nodes.contains(input))));
    CHECK(n["value"].is_object());
    if (n["leaf"]) {
      parameters += n["gradient"].is_object();
      continue;
    }
    CHECK(n["where"].get<std::string>().starts_with("duel/"));
    CHECK(n["forward_ms"] >= 0);
    gradients += n["gradient"].is_object();
    std::int64_t counted = 0, elements = 1;
    for (const std::int64_t bin : n["value"]["bins"]) counted += bin;
    for (const std::int64_t size : n["shape"]) elements *= size;
    CHECK(counted == elements);
    CHECK(n["bytes"] == 4 * elements);
  }
  CHECK(parameters == loss["parameters"].size());
  CHECK(gradients > nodes.size() / 3);  // not those that lead to no parameter of this network
  CHECK(loss["nodes"].back()["gradient"]["norm"] == 1);
}

void check_report(const json& report) {
  CHECK(report["format"] == "duel inspect 1");
  REQUIRE(report["losses"].size() == 2);
  CHECK(report["losses"][0]["network"] == "discriminator");
  CHECK(report["losses"][1]["network"] == "generator");
  for (const json& loss : report["losses"]) {
    CHECK(std::isfinite(loss["loss"].get<double>()));
    CHECK(loss["nodes"].size() > 30);
    check_nodes(loss);
    REQUIRE(loss["gradient_check"]["orders"].size() == 2);
    CHECK(loss["gradient_check"]["orders"][0]["error"] < duel::tolerance::kGradcheck[0]);
    CHECK(loss["gradient_check"]["orders"][1]["error"] < duel::tolerance::kGradcheck[1]);
    for (const json& p : loss["parameters"]) {
      INFO(p.dump());
      const json& values = p["singular_values"];
      CHECK((p["shape"].size() >= 2) == !values.empty());
      if (values.empty() || p["value"]["norm"] == 0) continue;
      CHECK(values.back() > 0);
      CHECK(std::is_sorted(values.rbegin(), values.rend()));
      CHECK(values[0] <= p["value"]["norm"].get<double>() * (1 + duel::tolerance::kClosedForm));
      CHECK(p["stable_rank"] >= 1);
    }
  }
}

// No two boxes overlap, and every line goes down.
void check_layout(const json& data) {
  const double width = data["node_size"]["width"], height = data["node_size"]["height"];
  for (const json& loss : data["losses"]) {
    for (const json& a : loss["nodes"]) {
      CHECK(a["at"][0] <= loss["size"]["width"]);
      CHECK(a["at"][1] <= loss["size"]["height"]);
      for (const json& b : loss["nodes"])
        if (a["id"] < b["id"])
          CHECK((std::abs(a["at"][0].get<double>() - b["at"][0].get<double>()) >= width ||
                 std::abs(a["at"][1].get<double>() - b["at"][1].get<double>()) >= height));
    }
    CHECK(loss["edges"].size() >= loss["nodes"].size() - 1);
    for (const json& e : loss["edges"])
      for (std::size_t i = 1; i < e["points"].size(); ++i) CHECK(e["points"][i][1] >= e["points"][i - 1][1]);
  }
}

}  // namespace

TEST_CASE("the quick preset: files, numbers, page") {
  const World w;
  const fs::path out = w.folder / "out";
  const Result r = run(inspect(out, {"--preset", "dcgan-fashion-quick", "--data", w.data.string()}));
  REQUIRE_MESSAGE(r.code == 0, r.err);
  for (const char* file : kFiles) CHECK_MESSAGE(fs::exists(out / file), file);
  CHECK(std::distance(fs::directory_iterator(out), {}) == 6);
  const json report = read_json(out / "inspect.json");
  CHECK(report["preset"] == "dcgan-fashion-quick");
  CHECK(report["step"] == 0);
  check_report(report);
  check_layout(page_data(out / "index.html"));
  for (const json& loss : report["losses"]) {
    const std::string network = loss["network"];
    CHECK(lines_of(out / (network + ".txt")) == static_cast<std::ptrdiff_t>(loss["nodes"].size()));
    CHECK(file_content(out / (network + ".dot")).starts_with("digraph {"));
    CHECK(contains(r.out, network + ": loss "));
  }
  CHECK(contains(r.out, "downs.0.weight"));
  CHECK(contains(r.out, (out / "index.html").string()));
  const std::string page = file_content(out / "index.html");
  for (const char* elsewhere : {"http:", "https:", "src=", "@import", "url("})
    CHECK_MESSAGE((!contains(page, elsewhere) || std::string(elsewhere) == "http:"), elsewhere);
}

TEST_CASE("the same numbers again, another seed gives others") {
  const World w;
  const auto loss = [&](const char* seed) {
    REQUIRE(
        run(inspect(w.folder / "out", {"--preset", "dcgan-fashion-quick", "--data", w.data.string(), "--seed", seed}))
            .code == 0);
    return read_json(w.folder / "out" / "inspect.json")["losses"][0]["loss"].get<double>();
  };
  const double first = loss("1");
  CHECK(loss("1") == first);
  CHECK(loss("2") != first);
}

TEST_CASE("a run, at its latest checkpoint or another; with an R1 penalty") {
  const World w;
  REQUIRE(run(w.train("r", 3) + Words{"--r1-gamma", "1", "--r1-interval", "2", "--checkpoint-every", "2"}).code == 0);
  const std::string folder = w.run_folder("r").string(), before = file_content(w.latest("r"));
  const Result r = run({"inspect", "--run", folder});
  REQUIRE_MESSAGE(r.code == 0, r.err);
  const json latest = read_json(w.run_folder("r") / "inspect" / "inspect.json");
  CHECK(latest["step"] == 3);
  check_report(latest);
  check_layout(page_data(w.run_folder("r") / "inspect" / "index.html"));
  std::size_t recorded = 0;
  for (const json& n : latest["losses"][0]["nodes"]) recorded += n["recorded_by"] != 0;
  CHECK(recorded >= 5);
  CHECK(file_content(w.latest("r")) == before);

  REQUIRE(run({"inspect", "--run", folder, "--step", "2"}).code == 0);  // replaces what it wrote
  CHECK(read_json(w.run_folder("r") / "inspect" / "inspect.json")["step"] == 2);
  const Result none = run({"inspect", "--run", folder, "--step", "1"});
  CHECK(none.code == 2);
  CHECK(contains(none.err, "it has 3, 2"));
}

TEST_CASE("wrong usage") {
  const World w;
  REQUIRE(run(w.train("r", 1)).code == 0);
  const std::string folder = w.run_folder("r").string();
  fs::create_directory(w.folder / "full");
  make_file(w.folder / "full" / "mine", "kept");
  const auto refused = [&](const Words& words, int code, const std::string& reason) {
    const Result r = run(words);
    CHECK(r.code == code);
    CHECK_MESSAGE(is_one_error(r.err), r.err);
    CHECK_MESSAGE(contains(r.err, reason), r.err);
  };
  const Words quick{"--preset", "dcgan-fashion-quick", "--data", w.data.string()};
  refused({"inspect"}, 2, "--preset");
  refused({"inspect", "--preset", "dcgan-fashio"}, 2, "nearest");
  refused(Words{"inspect", "--step", "1"} + quick, 2, "--run");
  refused({"inspect", "--run", (w.folder / "none").string()}, 2, "no run");
  refused({"inspect", "--run", folder, "--seed", "9"}, 2, "--seed");
  refused(inspect(w.folder / "out", {"--preset", "dcgan-fashion-quick", "--data", "/nowhere"}), 1, "/nowhere");
  refused(inspect(w.folder / "full", quick), 2, "holds other things");
  refused(Words{"inspect", "--preset", "vae-fashion", "--data", w.data.string()}, 2, "and this game is autoencode");
  refused(inspect(w.folder / "full" / "mine", quick), 2, "not a folder");
  refused(inspect(w.folder / "full" / "mine" / "below", quick), 1, "can't be made");
  CHECK(file_content(w.folder / "full" / "mine") == "kept");
  CHECK_FALSE(fs::exists(w.folder / "out"));

  fs::remove_all(w.run_folder("r") / "checkpoints");
  refused({"inspect", "--run", folder}, 1, "no checkpoint yet");
}

TEST_CASE("train --detect-anomaly: the same run, and the operation that overflows") {
  const World w;
  REQUIRE(run(w.train("plain", 2)).code == 0);
  REQUIRE(run(w.train("watched", 2) + Words{"--detect-anomaly"}).code == 0);
  CHECK(file_content(w.latest("plain")) == file_content(w.latest("watched")));

  duel::Safetensors checkpoint = duel::read_safetensors(w.latest("plain"));
  for (const char* weight : {"discriminator.downs.0.weight", "discriminator.downs.1.weight"})
    checkpoint.tensors.at(weight).fill_(1e30);
  duel::write_safetensors(w.latest("plain"), checkpoint);
  const Words go_on = w.train("plain", 4) + Words{"--restore"};
  CHECK(contains(run(go_on).err, "the discriminator's loss became"));
  const Result r = run(go_on + Words{"--detect-anomaly"});
  CHECK(r.code == 1);
  for (const char* part : {"duel: error: detect_anomaly: 'conv2d' gave float32[", "infinite of",
                           "input 1  float32[4, 2, 4, 4]: all finite", "its gradient is written at duel/autograd/"})
    CHECK_MESSAGE(contains(r.err, part), r.err);
#ifdef __GLIBC__
  CHECK_MESSAGE(contains(r.err, "duel::ConditionalDcganDiscriminator::operator()"), r.err);
#endif
  CHECK(contains(run({"train", "--help"}).out, "--detect-anomaly"));
}
