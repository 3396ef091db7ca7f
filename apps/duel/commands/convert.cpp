// duel convert: weights from one file format, and one system, to another.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/duel/checkpoint.h"
#include "apps/duel/commands/commands.h"
#include "apps/duel/options.h"
#include "apps/duel/output_file.h"
#include "apps/duel/published.h"
#include "apps/duel/run_directory.h"
#include "duel/nn/weights.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

struct ConvertLine {
  std::string in, out;
  PublishedLine published;
};

// One network of a run: that of `wanted`, by default the one that makes pictures.
StateDict network_of_run(const fs::path& file, std::string wanted) {
  const Checkpoint c = read_checkpoint(file);
  std::vector<std::string> names;
  for (const auto& [name, blueprint] : game_networks(c.options)) names.push_back(name);
  if (c.options.game_kind == GameKind::adversarial) names.insert(names.begin(), "generator_ema");
  if (wanted.empty() && c.options.game_kind != GameKind::cycle) wanted = names[0];
  if (std::find(names.begin(), names.end(), wanted) == names.end())
    throw UsageError(fmt::format("{}: the run's networks are {}; choose one with --part{}", file.string(),
                                 fmt::join(names, ", "), wanted.empty() ? "" : ", there is no " + wanted));
  return part(c.content.tensors, wanted);
}

// What must not be written over: the input, and what a run goes on from.
void check_output(const ConvertLine& line) {
  std::error_code none;
  if (!fs::exists(line.out)) return;
  if (fs::equivalent(line.in, line.out, none))
    throw UsageError(fmt::format("{} is the input itself; choose another name", line.out));
  check_output("out", line.out, FileKind::weights);
  try {
    static_cast<void>(read_checkpoint(line.out));
  } catch (const Error&) {
    return;
  }
  throw UsageError(fmt::format("{} is a run's checkpoint, which would be lost; choose another name", line.out));
}

StateDict tensors_of(const ConvertLine& line) {
  const bool run = fs::is_directory(line.in);
  const fs::path file = run ? RunDirectory(line.in).latest_checkpoint() : fs::path(line.in);
  const PublishedLine& published = line.published;
  if (run && !published.model.empty())
    throw UsageError("--model is for weights of other systems; those of a run have its network's names already");
  if (run) return network_of_run(file, published.part);
  if (!published.model.empty()) {
    Network network = load_published(published, file);
    return state_dict(network);
  }
  if (published.bgr || !published.set.empty())
    throw UsageError("--bgr and --set are about a network: name it with --model");
  return published.part.empty() ? read_weights(file) : network_in(file, published.part).tensors;
}

int convert(const ConvertLine& line) {
  check_output(line);
  const StateDict tensors = tensors_of(line);
  write_weights(line.out, tensors);
  std::int64_t numbers = 0;
  for (const auto& [name, tensor] : tensors) numbers += tensor.numel();
  fmt::print("{}: {} tensors, {} numbers\n", line.out, tensors.size(), fmt::group_digits(numbers));
  return 0;
}

}  // namespace

Command convert_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("convert", "write weights in another format, or with another system's state");
  const auto line = std::make_shared<ConvertLine>();
  app->allow_extras();
  app->footer(
      "With --model, weights of any known system become those of that network, under the names that its original\n"
      "program loads. Without it, tensors are written as they are.");
  app->add_option(
         "in", line->in,
         "safetensors or PyTorch file, whose content tells which, or the folder of a run, for its generator or "
         "the network that --part names")
      ->required()
      ->type_name("FILE|FOLDER");
  app->add_option("out", line->out, "file to write; .safetensors, .pth or .pt says how")->required()->type_name("FILE");
  add_options(*app, line->published);
  return {app, [line] { return convert(*line); }};
}

}  // namespace duel::app
