// duel: trains generative adversarial networks and draws with them.
//
// Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted by the user. Every error is one message on the
// standard error that begins with "duel: error:".
#include <fcntl.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/options.h"
#include "apps/duel/parts.h"
#include "duel/gan/models/option_text.h"
#include "duel/tensor/nearest.h"

namespace duel::app {
namespace {

// CLI11 knows that something was left over; this says what, and what was probably meant.
void refuse_leftovers(const CLI::App& line, const std::string& command) {
  for (const std::string& word : line.remaining()) {
    std::vector<std::string> known;
    const bool option = word.starts_with("-");
    if (option) {
      for (const CLI::Option* o : line.get_options())
        for (const std::string& name : o->get_lnames()) known.push_back("--" + name);
    } else {
      for (const CLI::App* sub : line.get_subcommands([](const CLI::App*) { return true; }))
        known.push_back(sub->get_name());
    }
    const std::string name = option ? word.substr(0, word.find('=')) : word;
    throw UsageError(fmt::format("unknown {} '{}'{}; see {} --help",
                                 option          ? "option"
                                 : known.empty() ? "word"
                                                 : "command",
                                 name, nearest(name, known), command));
  }
}

// Those of DUEL_PLUGINS, colons between them, then those of --plugin.
std::vector<std::filesystem::path> plugins(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  const char* from_environment = std::getenv("DUEL_PLUGINS");
  std::istringstream list(from_environment ? from_environment : "");
  for (std::string file; std::getline(list, file, ':');)
    if (!file.empty()) files.emplace_back(file);
  constexpr std::string_view kFlag = "--plugin";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == kFlag && i + 1 < argc)
      files.emplace_back(argv[++i]);
    else if (word.starts_with(kFlag) && word.size() > kFlag.size() && word[kFlag.size()] == '=')
      files.emplace_back(word.substr(kFlag.size() + 1));
  }
  return files;
}

// Every command takes plug-ins. They are loaded already: what there is to choose depends on them.
void add_plugin_option(CLI::App& command) {
  command
      .add_option_function<std::vector<std::string>>(
          "--plugin", [](const std::vector<std::string>&) {},
          "load this shared library of networks, losses, games ... first; may be repeated. DUEL_PLUGINS=FILE:FILE does "
          "the same")
      ->type_name("FILE")
      ->allow_extra_args(false);
  for (CLI::App* of_it : command.get_subcommands({})) add_plugin_option(*of_it);
}

int run(int argc, char** argv) {
  load_parts(plugins(argc, argv));
  CLI::App program("duel trains generative adversarial networks and draws with them.");
  program.set_version_flag("--version", "duel " DUEL_VERSION);
  program.allow_extras();
  const std::vector<Command> commands = {
      train_command(program),   sample_command(program),    interpolate_command(program), neighbours_command(program),
      project_command(program), translate_command(program), info_command(program),        convert_command(program),
      config_command(program),  inspect_command(program),   report_command(program),      data_command(program)};
  add_plugin_option(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    return program.exit(e);
  } catch (const CLI::ParseError& e) {
    throw UsageError(fmt::format("{}; see duel --help", e.what()));
  }
  refuse_leftovers(program, "duel");
  for (const Command& command : commands) {
    if (!command.line->parsed()) continue;
    refuse_leftovers(*command.line, "duel " + command.line->get_name());
    for (const CLI::App* sub : command.line->get_subcommands())
      refuse_leftovers(*sub, "duel " + command.line->get_name() + " " + sub->get_name());
    return command.run();
  }
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.line->get_name());
  throw UsageError(fmt::format("which command? One of {}; see duel --help", listed(names)));
}

// Must not throw: what fails here is not told.
int report(const char* message, int code) noexcept {
  std::fflush(stdout);  // what was said before comes first
  std::fprintf(stderr, "duel: error: %s\n", message);
  return code;
}

// A file that is opened next must not become the standard output of somebody who closed his.
void open_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) std::_Exit(1);
}

// As run, but nothing gets out.
int guarded(int argc, char** argv) {
  try {
    const int code = run(argc, argv);
    if (std::fflush(stdout) != 0) return report("the output could not be written", 1);
    return code;
  } catch (const UsageError& e) {
    return report(e.what(), 2);
  } catch (const std::bad_alloc&) {
    return report("out of memory", 1);
  } catch (const std::exception& e) {
    return report(e.what(), 1);
  } catch (...) {
    return report("unknown exception", 1);
  }
}

}  // namespace
}  // namespace duel::app

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is an error of the write, not the end of the process
  duel::app::open_standard_descriptors();
  return duel::app::guarded(argc, argv);
}
