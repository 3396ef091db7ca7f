// Loading plug-ins into a running program.
#pragma once

#include <filesystem>

#include "duel/plugin/registry.h"

namespace duel {

/// Loads a shared library made with DUEL_PLUGIN, for good, and lets it add its parts. Throws, saying why and leaving
/// `registry` as it was, for a file that is none, that lacks a function, that was built against other headers or with
/// another compiler than this program, and for parts that `Parts::add` refuses. All parts but models have
/// names of their own, whatever their kind.
void load_plugin(const std::filesystem::path& file, Registry& registry);

}  // namespace duel
