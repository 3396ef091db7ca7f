// duel info: what is in a checkpoint.
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "apps/duel/checkpoint.h"
#include "apps/duel/commands/commands.h"
#include "apps/duel/run_directory.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

// The parameters in the order of the network, then its buffers. Throws if the checkpoint holds something else.
template <class Network>
void print_network(const char* name, Network&& network, const Checkpoint& c) {
  load_state_dict(network, part(c.content.tensors, name), c.file.c_str());
  fmt::print("\n{}\n", name);
  StateDict rest = state_dict(network);
  const auto print = [](const std::string& tensor, const Tensor& t, const char* remark) {
    fmt::print("  {:<28} {:<20} {:>12}{}\n", tensor, cat(t.shape()), fmt::group_digits(t.numel()), remark);
  };
  for (const auto& [parameter, value] : named_parameters(network)) {
    print(parameter, value.value(), "");
    rest.erase(parameter);
  }
  for (const auto& [buffer, value] : rest) print(buffer, value, "  (buffer)");
  fmt::print("  {:<49} {:>12}\n", "parameters in all", fmt::group_digits(count_parameters(network)));
}

int info(const std::string& path) {
  const Checkpoint c =
      read_checkpoint(fs::is_directory(path) ? RunDirectory(path).latest_checkpoint() : fs::path(path));
  const ConditionalDcganOptions& model = c.options.game.model;
  fmt::print("{}, {} bytes\nstep {}; {} classes of {} x {} pictures with {} channel{}\n", c.file.string(),
             fmt::group_digits(fs::file_size(c.file)), c.step, model.classes, model.size.h, model.size.w,
             model.channels, model.channels == 1 ? "" : "s");
  Rng rng(0);
  print_network("generator", ConditionalDcganGenerator(rng, model), c);
  print_network("discriminator", ConditionalDcganDiscriminator(rng, model), c);
  fmt::print(
      "\nbeside them: generator_ema, like the generator; generator_optimizer and discriminator_optimizer\n"
      "\nconfiguration\n{}\n",
      to_json(c.options, Scope::numbers).dump(2));
  return 0;
}

}  // namespace

Command info_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("info", "show the networks and the configuration in a checkpoint");
  const auto path = std::make_shared<std::string>();
  app->allow_extras();
  app->add_option("path", *path, "a checkpoint, or the folder of a run")->required()->type_name("FILE|FOLDER");
  return {app, [path] { return info(*path); }};
}

}  // namespace duel::app
