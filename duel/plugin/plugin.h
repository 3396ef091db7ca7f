// What a plug-in includes: a shared library whose parts `duel --plugin FILE` finds. It is built against the headers of
// the program that is to load it, and linked with nothing of duel's: the program has it all (CMake: duel_add_plugin).
//
//   DUEL_PLUGIN(registry) {
//     registry.losses.add({.name = "margin", .help = "...", .parameters = {{"width", "...", 1.0, 0, 10}},
//                          .make = [](const duel::Parameters& p) { return margin_loss(p.get<double>("width")); }});
//   }
#pragma once

#include <string>

#include "duel/plugin/registry.h"

namespace duel {

/// Goes up with every change of what plug-ins see that the sizes below don't tell.
inline constexpr int kPluginInterface = 1;

/// What must be the same of a plug-in and the program that loads it, in words: the interface, the compiler's
/// conventions, and sizes of what is handed over. Hidden, so that each side tells its own and not the other's.
[[gnu::visibility("hidden")]] inline std::string plugin_abi() {
  return cat("plug-in interface ", kPluginInterface, ", C++ ABI ", __GXX_ABI_VERSION, ", strings ",
             _GLIBCXX_USE_CXX11_ABI, ", sizes ", sizeof(Tensor), " ", sizeof(Variable), " ", sizeof(Network), " ",
             sizeof(Game), " ", sizeof(DataLoader), " ", sizeof(GameSetup), " ", sizeof(Registry));
}

}  // namespace duel

/// Begins the function that registers a plug-in's parts with the registry of that name. Once in a shared library.
#define DUEL_PLUGIN(registry)                          \
  extern "C" const char* duel_plugin_abi() {           \
    static const std::string abi = duel::plugin_abi(); \
    return abi.c_str();                                \
  }                                                    \
  extern "C" void duel_register_plugin(duel::Registry& registry)
