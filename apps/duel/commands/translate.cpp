// duel translate: pictures from pictures, by weights of CycleGAN, pix2pix and others.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/options.h"
#include "apps/duel/published.h"
#include "duel/autograd/ops.h"
#include "duel/gan/media/png.h"
#include "duel/gan/pictures.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

struct TranslateLine {
  std::string in, out, weights, mode = "eval";
  PublishedLine published;
  std::uint64_t seed = 0;
};

std::vector<fs::path> pictures_in(const fs::path& in) {
  if (!fs::is_directory(in)) return {in};
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(in))
    if (entry.is_regular_file() && entry.path().extension() == ".png") files.push_back(entry.path());
  if (files.empty()) throw UsageError(fmt::format("there are no files .png in {}", in.string()));
  std::sort(files.begin(), files.end());
  return files;
}

// Of the sides of pictures that the network takes.
std::int64_t multiple_of(const Blueprint& network) {
  const auto number = [&](const char* name) { return std::stoll(network.get(name).value_or("0")); };
  const std::int64_t halvings = network.get("halvings") ? number("halvings")
                                : network.get("layers") ? number("layers") + 1
                                                        : 0;
  return std::int64_t{1} << std::clamp<std::int64_t>(halvings, 0, 16);
}

// uint8 [C, H, W] to float32 [1, channels, H, W] in [-1, 1]; colours become grey by ITU-R BT.601, and grey three alike.
Variable network_input(const Tensor& picture, std::int64_t channels) {
  Variable x = unsqueeze(Variable(picture.to(DType::float32)), 0) / 127.5 - 1;
  if (x.size(1) == channels) return x;
  if (channels == 3) return concat({x, x, x}, 1);
  const auto channel = [&](std::int64_t i) { return slice(x, 1, i, i + 1); };
  return 0.299 * channel(0) + 0.587 * channel(1) + 0.114 * channel(2);
}

// The picture of the same size that the network makes of this one: what its sides lack to a multiple of `step` is
// filled by reflection, and cut off again.
Tensor translated(Network& network, const Variable& x, std::int64_t step, const Pass& pass) {
  const std::int64_t h = x.size(2), w = x.size(3);
  const auto missing = [&](std::int64_t side) { return (step - side % step) % step; };
  const Variable padded = pad2d(x, {.h = {0, missing(h)}, .w = {0, missing(w)}}, PadMode::reflect);
  const Tensor y = network(padded, {}, pass).value();
  return to_uint8(y).select(0, 0).slice(1, 0, h).slice(2, 0, w);
}

int translate(const TranslateLine& line) {
  if (line.published.model.empty() || line.weights.empty())
    throw UsageError("translate needs --model NAME and --weights FILE");
  if (line.mode != "eval" && line.mode != "train") throw UsageError("--mode must be eval or train, not " + line.mode);
  const std::vector<fs::path> files = pictures_in(line.in);
  const CatalogueEntry entry = chosen_entry(line.published);
  Network network = load_published(line.published, line.weights);
  const Shape input = network.input().shape;
  if (input.dim() != 3 || (input[0] != 1 && input[0] != 3))
    throw UsageError(fmt::format("{} makes no pictures of pictures with one or three channels", entry.name));
  std::error_code error;
  fs::create_directories(line.out, error);
  check(!error, "translate", "the folder ", line.out, " can't be made: ", error.message());
  const std::int64_t step = multiple_of(entry.networks.front().second);
  const NoGrad no_grad;
  Rng rng(line.seed);
  const Pass pass{.mode = line.mode == "eval" ? Mode::eval : Mode::train, .rng = &rng};
  for (const fs::path& file : files) {
    const Tensor picture = translated(network, network_input(read_png(file), input[0]), step, pass);
    check(picture.size(0) == 1 || picture.size(0) == 3, "translate", entry.name, " makes pictures of ", picture.size(0),
          " channels, which are no colours");
    write_png(fs::path(line.out) / file.filename(), picture);
  }
  fmt::print("{} picture{} in {}\n", files.size(), files.size() == 1 ? "" : "s", line.out);
  return 0;
}

}  // namespace

Command translate_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("translate", "make pictures of pictures, with weights of CycleGAN or pix2pix");
  const auto line = std::make_shared<TranslateLine>();
  app->allow_extras();
  app->add_option("in", line->in, "a PNG file, or a folder of them")->required()->type_name("FILE|FOLDER");
  app->add_option("out", line->out, "folder to write pictures of the same names to")->required()->type_name("FOLDER");
  app->add_option("--weights", line->weights, "weights, of any system, of the network --model")->type_name("FILE");
  add_options(*app, line->published);
  app->add_option("--mode", line->mode,
                  "eval, or train: with dropout and the picture's own statistics, as pix2pix is tested")
      ->capture_default_str()
      ->type_name("MODE");
  app->add_option("--seed", line->seed, "of the dropout")->capture_default_str()->type_name("N");
  return {app, [line] { return translate(*line); }};
}

}  // namespace duel::app
