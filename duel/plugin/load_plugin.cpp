#include "duel/plugin/load_plugin.h"

#include <dlfcn.h>

#include <set>

#include "duel/plugin/plugin.h"

namespace duel {
namespace {

constexpr char kLoad[] = "load_plugin";

std::string why() {
  const char* text = ::dlerror();
  return text ? text : "for no reason that is told";
}

template <class Function>
Function find(void* library, const char* name, const std::filesystem::path& file) {
  void* found = ::dlsym(library, name);
  check(found != nullptr, kLoad, file, " is no plug-in of duel: it has no ", name, "; DUEL_PLUGIN of ",
        "duel/plugin/plugin.h makes it");
  return reinterpret_cast<Function>(found);
}

void check_abi(void* library, const std::filesystem::path& file) {
  const std::string abi = find<const char*(*)()>(library, "duel_plugin_abi", file)(), own = plugin_abi();
  check(abi == own, kLoad, file, " was built for another duel: it has '", abi, "', this program '", own,
        "'; build it anew against this program's headers, with its compiler");
}

// With every function that it needs. A library for another version may lack some, and is told that it is one.
void* open_library(const std::filesystem::path& path, const std::filesystem::path& file) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const std::string missing = why();
    if (void* incomplete = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL)) check_abi(incomplete, file);
    fail(kLoad, file, " can't be loaded: ", missing);
  }
  check_abi(library, file);
  return library;
}

// A name is that of one part, whatever its kind, as settings are told by it; on command lines _ and - are the same.
void check_names(const Registry& registry) {
  std::set<std::string> names;
  registry.each_kind([&](const auto& parts) {
    for (const auto& part : parts.all()) {
      if constexpr (!requires { part.parameters; }) continue;
      check(names.insert(detail::flag_name(part.name)).second, kLoad, "two parts are called ", part.name,
            ": give one of them, the ", parts.kind(), ", another name");
    }
  });
}

}  // namespace

void load_plugin(const std::filesystem::path& file, Registry& registry) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(file, error);  // a bare name is no system library's
  check(!error && std::filesystem::is_regular_file(path, error), kLoad, "there is no file ", file);
  void* library = open_library(path, file);
  Registry added = registry;
  try {
    find<void (*)(Registry&)>(library, "duel_register_plugin", file)(added);
    check_names(added);
  } catch (const std::exception& e) {
    fail(kLoad, file, " can't register its parts: ", e.what());
  }
  registry = std::move(added);
}

}  // namespace duel
