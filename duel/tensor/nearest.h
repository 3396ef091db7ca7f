// The name that a mistyped one was probably meant to be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace duel {

/// " (nearest: width)", for the end of a message: the one of `known` with the fewest insertions, deletions and
/// substitutions of characters from `name`, the first of equals. "" if nothing is known.
std::string nearest(std::string_view name, const std::vector<std::string>& known);

}  // namespace duel
