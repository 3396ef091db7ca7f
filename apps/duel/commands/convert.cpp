// duel convert: weights from one file format to another.
#include <filesystem>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/run_directory.h"
#include "duel/nn/weights.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

struct ConvertOptions {
  std::string in, out, part;
};

int convert(const ConvertOptions& o) {
  const bool run = fs::is_directory(o.in);
  const fs::path file = run ? RunDirectory(o.in).latest_checkpoint() : fs::path(o.in);
  const StateDict tensors = read_weights(file, run && o.part.empty() ? "generator_ema" : o.part);
  write_weights(o.out, tensors);
  std::int64_t numbers = 0;
  for (const auto& [name, tensor] : tensors) numbers += tensor.numel();
  fmt::print("{}: {} tensors, {} numbers\n", o.out, tensors.size(), fmt::group_digits(numbers));
  return 0;
}

}  // namespace

Command convert_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("convert", "write weights in another format: safetensors, or PyTorch's");
  const auto options = std::make_shared<ConvertOptions>();
  app->allow_extras();
  app->add_option("in", options->in,
                  "safetensors or PyTorch file, whose content tells which, or the folder of a run, for its averaged "
                  "generator")
      ->required()
      ->type_name("FILE|FOLDER");
  app->add_option("out", options->out, "file to write; .safetensors, .pth or .pt says how")
      ->required()
      ->type_name("FILE");
  app->add_option("--part", options->part, "only the tensors under this name, e.g. discriminator, or model.generator")
      ->type_name("NAME");
  return {app, [options] { return convert(*options); }};
}

}  // namespace duel::app
