// Opening the data set that options speak of.
#pragma once

#include <functional>
#include <memory>

#include "apps/duel/options.h"

namespace duel::app {

/// As `open_dataset`; with the two folders of `path_b`, too. `warn` gets a line for each file that is left out, and
/// when a cache is made.
std::unique_ptr<Dataset> open_data(const DataOptions& options,
                                   const std::function<void(const std::string&)>& warn = {});

}  // namespace duel::app
