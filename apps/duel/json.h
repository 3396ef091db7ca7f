// The JSON of the program's files.
#pragma once

#include <nlohmann/json.hpp>

namespace duel::app {

using Json = nlohmann::ordered_json;  // keeps the order in which members were added

}  // namespace duel::app
