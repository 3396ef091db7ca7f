// The presets, apps/presets/*.json, as they were when the program was built.
#pragma once

#include <span>

namespace duel::app {

struct Preset {
  const char* name;
  const char* json;
};

/// All of them, by name.
std::span<const Preset> presets();

}  // namespace duel::app
