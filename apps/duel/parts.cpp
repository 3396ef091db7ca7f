#include "apps/duel/parts.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/duel/describe_options.h"
#include "duel/plugin/load_plugin.h"

namespace duel::app {
namespace {

struct Loaded {
  Registry registry;
  std::vector<std::filesystem::path> files;
};
Loaded& loaded() {
  static Loaded all;
  return all;
}

template <class P>
void refuse_own_names(const Parts<P>& parts, const std::vector<std::string>& own) {
  for (const P& part : parts.all())
    if (std::find(own.begin(), own.end(), part.name) != own.end())
      throw UsageError(fmt::format("--plugin: the {} '{}' has the name of one of duel's own", parts.kind(), part.name));
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const CatalogueEntry& entry : catalogue()) names.push_back(entry.name);
  return names;
}

}  // namespace

const Registry& parts() { return loaded().registry; }

const std::vector<std::filesystem::path>& plugins() { return loaded().files; }

void load_parts(std::span<const std::filesystem::path> files) {
  Registry registry;
  try {
    for (const std::filesystem::path& file : files) load_plugin(file, registry);
  } catch (const Error& e) {
    throw UsageError(fmt::format("--plugin: {}", e.what()));
  }
  refuse_own_names(registry.models, model_names());
  refuse_own_names(registry.losses, loss_names());
  refuse_own_names(registry.noises, noise_names());
  refuse_own_names(registry.games, game_names());
  refuse_own_names(registry.datasets, format_names());
  refuse_own_names(registry.loggers, logger_names());
  refuse_own_names(registry.snapshots, {"samples"});
  loaded() = {std::move(registry), {files.begin(), files.end()}};
}

std::vector<PartSetting> default_settings() {
  std::vector<PartSetting> settings;
  parts().each_kind([&](const auto& parts) {
    for (const auto& part : parts.all())
      if constexpr (requires { part.parameters; })
        for (const Parameter& p : part.parameters.all())
          settings.push_back({part.name, fmt::format("{}.{}", part.name, p.name),
                              fmt::format("Plug-in: {} {} ({})", parts.kind(), part.name, part.help), p});
  });
  return settings;
}

Parameters with_settings(const std::string& part, Parameters parameters, std::span<const PartSetting> settings) {
  for (const PartSetting& setting : settings)
    if (setting.part == part) parameters.at(setting.parameter.name).value = setting.parameter.value;
  return parameters;
}

void fail_no_part(const std::string& name, const char* option, const char* kind,
                  const std::vector<std::string>& known) {
  if (known.empty())
    throw UsageError(fmt::format("{}: there is no {} '{}'; plug-ins bring them: --plugin FILE", option, kind, name));
  throw UsageError(fmt::format("{}: there is no {} '{}'; there are {}", option, kind, name, fmt::join(known, ", ")));
}

const CatalogueEntry& find_model(std::string_view name) {
  const CatalogueEntry* entry = parts().models.find(name);
  if (entry) return *entry;
  try {
    return catalogue_entry(name);
  } catch (const Error& e) {
    throw UsageError(cat(e.what(), "; a plug-in's needs --plugin FILE"));
  }
}

}  // namespace duel::app
