// The options of a training run on a command line: a flag for each, --set, and a file of them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/duel/options.h"

namespace duel::app {

/// What a command line says of the options.
struct OptionWords {
  std::map<std::string, std::string> flags;  ///< by the option's name
  std::vector<std::string> sets;             ///< "key=value"
  std::string from_json;                     ///< a file; empty: none
};

/// Adds --from-json, --set and a flag for every option, which fill `words`.
void add_option_flags(CLI::App& app, const std::shared_ptr<OptionWords>& words);

/// The layers of the file and of the command line, in this order. Throws UsageError for an option that is given twice
/// and for a --set without "=", and as `read_json_layer`.
std::vector<Layer> option_layers(const OptionWords& words);

}  // namespace duel::app
