// The parts of training that plug-ins have brought into this process, and their settings among the options.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duel/plugin/registry.h"

namespace duel::app {

/// For the end of messages on what earlier runs have left.
inline constexpr char kPluginHint[] = "; if it was made with a plug-in, give that too: --plugin FILE";

/// What the plug-ins loaded so far have registered. Like their code, it belongs to the process.
const Registry& parts();

/// Loads them, in this order. Throws UsageError for one that can't be loaded, and for parts with names of duel's own.
/// To be called before anything asks for options: their settings are among them.
void load_parts(std::span<const std::filesystem::path> files);

/// The files loaded, for commands that are suggested to the user.
const std::vector<std::filesystem::path>& plugins();

/// A setting of a part, and its value in a run.
struct PartSetting {
  std::string part, key, group;  ///< "margin", "margin.width", what --help has above it
  Parameter parameter;
};
/// All that there are, by default.
std::vector<PartSetting> default_settings();

/// The parameters of the part of that name with the values that these settings have.
Parameters with_settings(const std::string& part, Parameters parameters, std::span<const PartSetting> settings);

/// The entry of that name, of a plug-in or of the catalogue. Throws as `catalogue_entry`.
const CatalogueEntry& find_model(std::string_view name);

/// Throws UsageError with the names that there are.
[[noreturn]] void fail_no_part(const std::string& name, const char* option, const char* kind,
                               const std::vector<std::string>& known);

/// The part of that name, which the option `option` gives; throws UsageError with the names that there are besides
/// duel's `own` for a name that there is not.
template <class P>
const P& find_part(const Parts<P>& parts, const std::string& name, const char* option,
                   const std::vector<std::string>& own = {}) {
  if (const P* part = parts.find(name)) return *part;
  std::vector<std::string> known = own;
  for (const P& part : parts.all()) known.push_back(part.name);
  fail_no_part(name, option, parts.kind(), known);
}

/// What the part makes of `given` and of the values that its settings have; throws if that is nothing.
template <class P, class... Given>
auto make_part(const Parts<P>& parts, const P& part, std::span<const PartSetting> settings, const Given&... given) {
  auto made = part.make(given..., with_settings(part.name, part.parameters, settings));
  if constexpr (requires { made == nullptr; })
    check(made != nullptr, "train", "the plug-in's ", parts.kind(), " '", part.name, "' made none");
  return made;
}

}  // namespace duel::app
