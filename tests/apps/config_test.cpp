// The configuration: what presets stand for, where values come from, and the names of runs.
#include <filesystem>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

#include "apps/duel/options.h"
#include "tests/apps/preset_shapes.h"
#include "tests/apps/program.h"

namespace duel::app {
namespace {

using namespace duel::testing;

// The error of a function's use.
template <class F>
std::string usage_error(F&& f) {
  try {
    f();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "none";
}

// The line of an option in what `duel config` prints.
std::string line_of(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name + " ")) return line;
  return "";
}

Json effective(const Words& words) { return Json::parse(run(Words{"config", "--json"} + words).out); }

}  // namespace

TEST_CASE("a preset begins with the one that it is based on") {
  static constexpr Preset some[] = {{"base", R"({"width": 1, "latent": 2, "seed": 3})"},
                                    {"middle", R"({"preset": "base", "latent": 4})"},
                                    {"top", R"({"preset": "middle", "seed": 5})"},
                                    {"orphan", R"({"preset": "bsae"})"},
                                    {"hen", R"({"preset": "egg"})"},
                                    {"egg", R"({"preset": "hen"})"},
                                    {"self", R"({"preset": "self"})"}};
  TrainOptions options;
  Sources sources;
  for (const Layer& layer : preset_layers("top", some))
    for (const auto& [name, source] : apply(options, layer)) sources[name] = source;
  CHECK(options.width == 1);
  CHECK(options.latent == 4);
  CHECK(options.seed == 5);
  CHECK(sources["width"] == "preset base");
  CHECK(sources["latent"] == "preset middle");
  CHECK(sources["seed"] == "preset top");
  CHECK(sources.count("stages") == 0);
  CHECK(preset_layers("", some).empty());

  const auto error = [&](const char* name) { return usage_error([&] { preset_layers(name, some); }); };
  CHECK(contains(error("orphan"), "unknown preset 'bsae', on which preset 'orphan' is based (nearest: base)"));
  CHECK(contains(error("hen"), "preset 'hen' is based on itself: hen on egg on hen"));
  CHECK(contains(error("self"), "self on self"));
  CHECK(contains(error("tpo"), "unknown preset 'tpo' (nearest: top)"));
}

TEST_CASE("every value has a source, from the code that puts it there") {
  const Configuration c = configure({{{{"preset", "hinge-fashion"}, {"latent", 7}, {"epochs", 3}}, "file.json"},
                                     {{{"game", "cycle"}, {"loss", "vanilla"}}, ""}});
  const auto source = [&](const char* name) {
    const auto found = c.sources.find(name);
    return found == c.sources.end() ? "default" : found->second;
  };
  CHECK(c.options.preset == "hinge-fashion");
  CHECK(source("preset") == "file.json");
  CHECK(source("latent") == "file.json");
  CHECK(source("data_format") == "preset dcgan-fashion");
  CHECK(source("r1_gamma") == "preset hinge-fashion");
  CHECK(source("model") == "default of game cycle");
  CHECK(source("data_mode") == "default of game cycle");
  CHECK(source("loss") == "command line");
  CHECK(source("steps") == "file.json");  // the epochs replace them
  CHECK(c.options.steps == 0);
  CHECK(source("seed") == "default");

  // What a run keeps of it is read again, although the preset's penalty means nothing to the game.
  const TrainOptions again = configure({{to_json(c.options), "config.json"}}).options;
  CHECK(to_json(again) == to_json(c.options));
  Json with_penalty = to_json(c.options);
  with_penalty["gp_weight"] = 3;
  CHECK(contains(usage_error([&] { configure({{with_penalty, "config.json"}}); }), "is an option of game adversarial"));

  const Configuration other = configure({{{{"preset", "hinge-fashion"}, {"model", "BigGAN-C10"}}, ""}});
  CHECK(other.options.latent == 0);
  CHECK(other.sources.at("latent") == "default of model BigGAN-C10");
}

TEST_CASE("the hash stands for what the numbers depend on") {
  const auto hash = [](const Json& values) { return configuration_hash(resolve({{values, ""}})); };
  // FNV-1a of "{}", of {"width":3}, and of {"beta1":0.25,"classes":["a","b"]}.
  CHECK(hash(Json::object()) == "08f44b07");
  CHECK(hash({{"width", 3}}) == "25c9de79");
  CHECK(hash({{"classes", {"a", "b"}}, {"beta1", 0.25}}) == "d481b01b");
  CHECK(hash({{"beta1", 0.25}, {"classes", {"a", "b"}}}) == "d481b01b");
  CHECK(hash({{"beta1", 0.5}, {"steps", 7}, {"description", "x"}, {"threads", 3}, {"data", "y"}}) == "08f44b07");
  CHECK(hash({{"preset", "dcgan-fashion"}}) != "08f44b07");

  CHECK(default_run(resolve({})) == "runs/adversarial-08f44b07");
  CHECK(default_run(resolve({{{{"preset", "cyclegan"}}, ""}})).starts_with("runs/cyclegan-"));
  CHECK(default_run(resolve({{{{"game", "cycle"}}, ""}})).starts_with("runs/cycle-"));
}

TEST_CASE("any option that changes the numbers changes the hash") {
  const TrainOptions defaults;
  const Json values = to_json(defaults, Scope::numbers);
  std::set<std::string> hashes = {configuration_hash(defaults)};
  for (const auto& [name, value] : values.items()) {
    Json other = value;
    if (value.is_boolean())
      other = !value.get<bool>();
    else if (value.is_number_float())
      other = value.get<double>() <= 0 ? 0.5 : value.get<double>() * (value.get<double>() > 1 ? 2 : 0.5);
    else if (value.is_number())
      other = value.get<std::int64_t>() == 3 ? 2 : 3;
    else if (value.is_array())
      other = name == "lr_milestones" ? Json{1, 2} : Json{"x"};
    else
      continue;  // texts of choices: the next test case has some
    TrainOptions changed;
    apply(changed, {{{name, other}}, "test"});
    CHECK_MESSAGE(hashes.insert(configuration_hash(changed)).second, name);
  }
  for (const Json& choice : {Json{{"loss", "hinge"}}, Json{{"game", "cycle"}}, Json{{"model", "BigGAN-C10"}},
                             Json{{"load_size", "8x9"}}, Json{{"augment", "color"}}, Json{{"filter", "bilinear"}}}) {
    TrainOptions changed;
    apply(changed, {choice, "test"});
    CHECK_MESSAGE(hashes.insert(configuration_hash(changed)).second, choice.dump());
  }
}

TEST_CASE("presets are listed a line each, with a description") {
  const Result list = run({"config", "--list"});
  CHECK(list.code == 0);
  std::istringstream lines(list.out);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    REQUIRE(count < presets().size());
    const Preset& preset = presets()[count];
    CHECK(line.starts_with(std::string(preset.name) + " "));
    CHECK_MESSAGE(contains(line, resolve({{{{"preset", preset.name}}, ""}}).description), std::string(preset.name));
    CHECK_MESSAGE(Json::parse(preset.json).contains("description"), std::string(preset.name));
  }
  CHECK(count == presets().size());
}

TEST_CASE("what config prints says where values come from, and reads back as the same configuration") {
  TempFolder folder;
  make_file(folder / "mine.json", R"({"preset": "dcgan-fashion-quick", "latent": 5})");
  const Words words = {"--from-json", (folder / "mine.json").string(), "--width", "3", "--set", "seed=9"};
  const std::string all = run(Words{"config"} + words).out;
  CHECK(line_of(all, "latent").ends_with("mine.json"));
  CHECK(line_of(all, "width").ends_with("command line"));
  CHECK(line_of(all, "seed").ends_with("command line"));
  CHECK(line_of(all, "batch_size").ends_with("preset dcgan-fashion-quick"));
  CHECK(line_of(all, "data_format").ends_with("preset dcgan-fashion"));
  CHECK(line_of(all, "ema_start").ends_with("default"));
  const std::string changed = run(Words{"config", "--changed"} + words).out;
  CHECK(line_of(changed, "seed") == line_of(all, "seed"));
  CHECK(line_of(changed, "ema_start").empty());

  const Json json = effective(words);
  make_file(folder / "all.json", json.dump());
  make_file(folder / "changed.json", run(Words{"config", "--json", "--changed"} + words).out);
  for (const char* name : {"all.json", "changed.json"}) {
    CHECK(effective({"--from-json", (folder / name).string()}) == json);
    CHECK(run({"config", "--hash", "--from-json", (folder / name).string()}).out ==
          configuration_hash(resolve({{json, ""}})) + "\n");
  }
  const Result both = run({"config", "--list", "--hash"});
  CHECK(both.code == 2);
  CHECK(is_one_error(both.err));
  CHECK(contains(run({"config", "--run", (folder / "none").string()}).err, "there is no run"));
}

TEST_CASE("every preset's game can be made for its data") {
  for (const Preset& preset : presets()) {
    INFO(std::string(preset.name));
    TrainOptions o = resolve({{{{"preset", preset.name}}, ""}});
    CHECK((o.data.path.starts_with("data/") || o.data.path.starts_with("/usr/share/")));
    CHECK((o.data.path_b.empty() || o.data.path_b.starts_with("/usr/share/")));
    CHECK((o.steps > 0) != (o.epochs > 0));
    o.data_shape = data_of(o);
    game_networks(o);  // the options as they are
    make_narrow(o);
    make_game(o, 0)->check_fits(o.data_shape);
  }
}

}  // namespace duel::app
