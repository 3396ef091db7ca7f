// duel config: the presets, and the configuration that a preset, a file, a run or a command line stands for.
#include <memory>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/commands/option_flags.h"
#include "apps/duel/run_directory.h"

namespace duel::app {
namespace {

struct ConfigLine {
  bool list = false, json = false, hash = false, changed = false;
  std::string run;
  std::shared_ptr<OptionWords> words = std::make_shared<OptionWords>();
};

Configuration configure_line(const ConfigLine& line) {
  std::vector<Layer> layers = option_layers(*line.words);
  if (!line.run.empty()) {
    const RunDirectory run(line.run);
    if (run.content() != RunDirectory::Content::run) throw UsageError(fmt::format("there is no run in {}", line.run));
    layers.insert(layers.begin(), read_json_layer(run.config().string()));
  }
  return configure(layers);
}

void print_presets() {
  for (const Preset& preset : presets())
    fmt::print("{:<32} {}\n", preset.name, Json::parse(preset.json).value("description", ""));
}

// The options that differ from their defaults, or all.
Json chosen_values(const ConfigLine& line, const TrainOptions& options) {
  const Json values = to_json(options), defaults = to_json({});
  if (!line.changed) return values;
  Json changed = Json::object();
  for (const auto& [name, value] : values.items())
    if (value != value_of(defaults, name)) changed[name] = value;
  return changed;
}

int config(const ConfigLine& line) {
  if (line.list) {
    print_presets();
    return 0;
  }
  const Configuration c = configure_line(line);
  if (line.hash) {
    fmt::print("{}\n", configuration_hash(c.options));
    return 0;
  }
  const Json values = chosen_values(line, c.options);
  if (line.json) {
    fmt::print("{}\n", values.dump(2));
    return 0;
  }
  for (const auto& [name, value] : values.items()) {
    const auto source = c.sources.find(name);
    fmt::print("{:<24}{:<32}  {}\n", name, value.dump(), source == c.sources.end() ? "default" : source->second);
  }
  return 0;
}

}  // namespace

Command config_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("config", "list the presets; print a configuration and where it comes from");
  const auto line = std::make_shared<ConfigLine>();
  app->allow_extras();
  app->footer(
      "Takes all options that duel train takes. The hash stands for what the numbers depend on, not for how long, how\n"
      "often or where; duel train without --run writes to runs/NAME-HASH, NAME that of the preset or else the game.");
  CLI::Option* list = app->add_flag("--list", line->list, "the presets, one a line");
  CLI::Option* json = app->add_flag("--json", line->json, "print JSON, which --from-json takes");
  CLI::Option* hash = app->add_flag("--hash", line->hash, "print the configuration's hash alone");
  app->add_flag("--changed", line->changed, "only what differs from the defaults")->excludes(list, hash);
  app->add_option("--run", line->run, "begin with the configuration of this run")->type_name("FOLDER")->excludes(list);
  json->excludes(list, hash);
  hash->excludes(list);
  add_option_flags(*app, line->words);
  return {app, [line] { return config(*line); }};
}

}  // namespace duel::app
