// The program's commands: each adds its options to the command line and says what to do when it is chosen.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

namespace duel::app {

struct Command {
  CLI::App* line;            ///< its options
  std::function<int()> run;  ///< after they have been parsed; returns the exit code
};

Command train_command(CLI::App& program);
Command sample_command(CLI::App& program);
Command interpolate_command(CLI::App& program);
Command neighbours_command(CLI::App& program);
Command project_command(CLI::App& program);
Command translate_command(CLI::App& program);
Command data_command(CLI::App& program);
Command info_command(CLI::App& program);
Command convert_command(CLI::App& program);
Command config_command(CLI::App& program);
Command inspect_command(CLI::App& program);
Command report_command(CLI::App& program);

}  // namespace duel::app
