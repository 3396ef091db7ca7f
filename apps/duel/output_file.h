// The rule of all commands that write a file where the user says: what such a command may have written there before is
// replaced; anything else stays, and the command does nothing.
#pragma once

#include <cstdint>
#include <filesystem>

namespace duel::app {

/// What a command writes. `report` is the JSON of duel data check.
enum class FileKind : std::uint8_t { png, gif, npz, report, weights };

/// Throws UsageError, naming `option`, if there is something at `file` that is neither empty nor, by its first bytes, a
/// file of that kind. To be called before the work begins whose result goes there.
void check_output(const char* option, const std::filesystem::path& file, FileKind kind);

}  // namespace duel::app
