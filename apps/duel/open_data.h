// Opening the data set that options speak of.
#pragma once

#include <functional>
#include <memory>

#include "apps/duel/options.h"

namespace duel::app {

/// As `open_dataset`; with the two folders of `path_b`, too. `warn` gets a line for each file that is left out, and
/// when a cache is made. `settings` are those of plug-ins' data sets.
std::unique_ptr<Dataset> open_data(const DataOptions& options, const std::function<void(const std::string&)>& warn = {},
                                   const std::vector<PartSetting>& settings = default_settings());

}  // namespace duel::app
