// duel info: what is in a checkpoint, and what the networks of the catalogue are.
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "apps/duel/checkpoint.h"
#include "apps/duel/commands/commands.h"
#include "apps/duel/model_card.h"
#include "apps/duel/published.h"
#include "apps/duel/run_directory.h"
#include "duel/gan/foreign_weights.h"
#include "duel/nn/weights.h"

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

struct InfoLine {
  std::string path, model;
  std::vector<std::string> set;
  bool list = false;
};

int checkpoint_info(const fs::path& path) {
  const Checkpoint c = read_checkpoint(fs::is_directory(path) ? RunDirectory(path).latest_checkpoint() : path);
  const BatchShape& data = c.options.data_shape;
  const auto size = [](const Shape& p) {
    return fmt::format("{} x {} with {} channel{}", p[1], p[2], p[0], p[0] == 1 ? "" : "s");
  };
  fmt::print("{}, {} bytes\nstep {}; {}, {}; pictures of {}", c.file.string(), fmt::group_digits(fs::file_size(c.file)),
             c.step, c.options.model, to_text(c.options.game_kind), size(data.picture));
  if (data.target.dim() > 0) fmt::print(", targets of {}", size(data.target));
  fmt::print("; {} classes\n", data.classes);
  for (const auto& [name, blueprint] : game_networks(c.options)) {
    Rng rng(0);
    print_network(name.c_str(), blueprint.make(rng), c);
  }
  fmt::print("\nbeside them: averages, optimisers, random stream, place in the data\n\nconfiguration\n{}\n",
             to_json(c.options, Scope::numbers).dump(2));
  return 0;
}

// What a file of weights that no run of ours wrote holds.
int weights_info(const fs::path& file, const RecognisedWeights& found) {
  fmt::print("{}, {} bytes\n{}\n", file.string(), fmt::group_digits(fs::file_size(file)),
             found.system.empty() ? "weights of no known system" : "weights as " + found.system + " has them");
  for (const auto& [part, tensors] : found.parts) {
    std::int64_t numbers = 0;
    for (const auto& [name, tensor] : tensors) numbers += tensor.numel();
    fmt::print("\n{}: {} tensors, {} numbers\n", part.empty() ? "one network" : part, tensors.size(),
               fmt::group_digits(numbers));
    for (const auto& [name, tensor] : tensors)
      fmt::print("  {:<48} {:<20} {:>12}\n", name, cat(tensor.shape()), fmt::group_digits(tensor.numel()));
  }
  return 0;
}

int file_info(const fs::path& path) {
  if (fs::is_directory(path)) return checkpoint_info(path);
  const StateDict tensors = read_weights(path);
  check(!tensors.empty(), "info", path, " is no checkpoint and has no weights: it holds no tensors");
  const RecognisedWeights found = recognise_weights(tensors);
  return found.system == "duel" ? checkpoint_info(path) : weights_info(path, found);
}

int info(const InfoLine& line) {
  if (line.list + !line.model.empty() + !line.path.empty() != 1)
    throw UsageError("about what? Give a checkpoint or the folder of a run, or --model NAME, or --list");
  if (!line.set.empty() && line.model.empty())
    throw UsageError("--set changes an option of --model NAME, which is missing");
  if (!line.path.empty()) return file_info(line.path);
  if (line.list) {
    print_catalogue();
    return 0;
  }
  print_cards(chosen_entry({.model = line.model, .part = "", .set = line.set}));
  return 0;
}

}  // namespace

Command info_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "info", "show the networks and the configuration in a checkpoint, or the card of a published network");
  const auto line = std::make_shared<InfoLine>();
  app->allow_extras();
  app->add_option("path", line->path, "a checkpoint, the folder of a run, or another system's weights")
      ->type_name("FILE|FOLDER");
  app->add_option("--model", line->model, "the networks published under this name: what they are, their size and costs")
      ->type_name("NAME");
  app->add_option("--set", line->set, "with --model: another value of an option, as width=32 or generator.width=32")
      ->type_name("OPTION=VALUE")
      ->allow_extra_args(false);
  app->add_flag("--list", line->list, "the names of all published networks, one a line");
  return {app, [line] { return info(*line); }};
}

}  // namespace duel::app
