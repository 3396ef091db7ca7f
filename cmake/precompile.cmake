# duel_precompile(target [headers]): parses the standard headers that nearly every source includes once for the target,
# and `headers` with them. Sources include what they use all the same: the debug preset builds without.
function(duel_precompile target)
  target_precompile_headers(${target} PRIVATE <algorithm> <array> <atomic> <cmath> <functional> <map> <memory> <mutex>
                            <optional> <span> <sstream> <string> <variant> <vector> ${ARGN})
endfunction()
