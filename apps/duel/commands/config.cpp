// duel config: the presets, and what they stand for.
#include <memory>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/options.h"
#include "apps/duel/presets.h"

namespace duel::app {
namespace {

struct ConfigLine {
  bool list = false;
  std::string preset;
};

int config(const ConfigLine& line) {
  if (line.list == !line.preset.empty())
    throw UsageError("give either --list or --preset NAME; see duel config --help");
  if (line.list) {
    for (const Preset& preset : presets())
      fmt::print("{:<22} {}\n", preset.name, Json::parse(preset.json).value("description", ""));
    return 0;
  }
  fmt::print("{}\n", to_json(resolve({{{{"preset", line.preset}}, ""}})).dump(2));
  return 0;
}

}  // namespace

Command config_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("config", "list the presets, or print one's whole configuration");
  const auto line = std::make_shared<ConfigLine>();
  app->allow_extras();
  app->add_flag("--list", line->list, "the presets, one a line");
  app->add_option("--preset", line->preset, "print the configuration of this one as JSON");
  return {app, [line] { return config(*line); }};
}

}  // namespace duel::app
