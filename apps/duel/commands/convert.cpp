// duel convert: weights from one file format, and one system, to another.
#include <filesystem>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/options.h"
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

StateDict tensors_of(const ConvertLine& line) {
  const bool run = fs::is_directory(line.in);
  const fs::path file = run ? RunDirectory(line.in).latest_checkpoint() : fs::path(line.in);
  PublishedLine published = line.published;
  if (run && !published.model.empty())
    throw UsageError("--model is for weights of other systems; those of a run have its network's names already");
  if (run && published.part.empty()) published.part = "generator_ema";
  if (!published.model.empty()) {
    Network network = load_published(published, file);
    return state_dict(network);
  }
  if (published.bgr || !published.set.empty())
    throw UsageError("--bgr and --set are about a network: name it with --model");
  return published.part.empty() ? read_weights(file) : network_in(file, published.part).tensors;
}

int convert(const ConvertLine& line) {
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
  app->add_option("in", line->in,
                  "safetensors or PyTorch file, whose content tells which, or the folder of a run, for its averaged "
                  "generator")
      ->required()
      ->type_name("FILE|FOLDER");
  app->add_option("out", line->out, "file to write; .safetensors, .pth or .pt says how")->required()->type_name("FILE");
  add_options(*app, line->published);
  return {app, [line] { return convert(*line); }};
}

}  // namespace duel::app
