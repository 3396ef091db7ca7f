// The part of the benchmark that needs a device: whole training steps on it, and what it reaches at best.
#pragma once

#include <string>
#include <vector>

namespace duel::bench {

/// `words`: the command line from "--device" on. Returns the exit code: 1 if a step failed, after trying all the
/// others.
int run_on_device(const std::vector<std::string>& words);

}  // namespace duel::bench
