// duel sample: pictures from a trained generator.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <regex>
#include <system_error>

#include <fmt/format.h>

#include "apps/duel/checkpoint.h"
#include "apps/duel/commands/commands.h"
#include "apps/duel/published.h"
#include "apps/duel/run_directory.h"
#include "duel/gan/media/png.h"
#include "duel/gan/pictures.h"
#include "duel/tensor/exact_convolutions.h"
#include "duel/tensor/nearest.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostSamples = 100000, kAtOnce = 256;

struct SampleLine {
  std::string run, checkpoint, weights, out, label;
  PublishedLine published;
  std::int64_t count = 64;
  std::uint64_t seed = 0;
};

struct Source {
  Network generator;
  std::int64_t classes;  // 1 if it knows none
  std::vector<std::string> class_names;
  std::string name;  // for messages
  bool exact_conv = false;
};

Source from_checkpoint(const fs::path& file) {
  const Checkpoint c = read_checkpoint(file);
  Rng rng(0);
  if (c.options.game_kind != GameKind::adversarial)
    throw UsageError(fmt::format("the run's networks make pictures of pictures ({}): duel translate --run",
                                 to_text(c.options.game_kind)));
  Network generator = game_networks(c.options)[0].second.make(rng);
  load_state_dict(generator, part(c.content.tensors, "generator_ema"), c.file.c_str());
  return {std::move(generator), std::max<std::int64_t>(1, c.options.data_shape.classes), c.options.data.class_names,
          fmt::format("step {}", c.step), c.options.exact_conv};
}

Source from_weights(const SampleLine& line) {
  if (line.published.model.empty()) throw UsageError("--weights needs --model NAME, the network that they are for");
  if (line.published.part.find("discriminator") != std::string::npos)
    throw UsageError("a discriminator draws nothing: --part generator, or leave it out");
  Network generator = load_published(line.published, line.weights);
  const NetworkInput input = generator.input();
  if (input.shape.dim() != 1)
    throw UsageError(fmt::format("{} makes pictures of pictures, not of noise", line.published.model));
  return {std::move(generator), std::max<std::int64_t>(1, input.classes), {}, line.published.model};
}

Source source_of(const SampleLine& line) {
  if (!line.weights.empty()) return from_weights(line);
  return from_checkpoint(line.run.empty() ? fs::path(line.checkpoint) : RunDirectory(line.run).latest_checkpoint());
}

// The class of that number or name.
std::int64_t find_class(const std::string& text, const Source& source) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) {
    if (number < 0 || number >= source.classes)
      throw UsageError(fmt::format("--class: there is no class {}; they are 0 to {}", number, source.classes - 1));
    return number;
  }
  const std::vector<std::string>& names = source.class_names;
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end())
    throw UsageError(fmt::format("--class: there is no class '{}'{}; they are 0 to {}{}{}", text, nearest(text, names),
                                 source.classes - 1, names.empty() ? "" : " or ", fmt::join(names, ", ")));
  return found - names.begin();
}

// Columns of the grid: as square as can be, but a column shows one class where there are pictures of all.
std::int64_t grid_columns(std::int64_t count, std::int64_t classes) {
  const auto side = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  if (classes > count) return side;
  return std::min(count, (side + classes - 1) / classes * classes);
}

// uint8 [N, C, H, W]
Tensor draw(Network& generator, const Tensor& labels, std::uint64_t seed) {
  const NoGrad no_grad;
  const std::int64_t n = labels.size(0);
  const Tensor z = Rng(seed).normal({n, generator.input().shape[0]});
  Tensor all;
  for (std::int64_t begin = 0; begin < n; begin += kAtOnce) {
    const std::int64_t end = std::min(n, begin + kAtOnce);
    const Tensor classes = generator.input().classes > 0 ? labels.slice(0, begin, end) : Tensor();
    const Tensor pictures = to_uint8(generator(z.slice(0, begin, end), classes, {.mode = Mode::eval}).value());
    if (begin == 0)
      all = Tensor::empty({n, pictures.size(1), pictures.size(2), pictures.size(3)}, {.dtype = DType::uint8});
    all.slice(0, begin, end).copy_(pictures);
  }
  return all;
}

// Whether sample gives files this name: "grid.png", "00012-class-3.png".
bool is_drawing(const std::string& name) {
  static const std::regex single("[0-9]{5,}-class-[0-9]+\\.png");
  return name == "grid.png" || std::regex_match(name, single);
}

// What an earlier call drew here would pass for pictures of this one.
void remove_drawings(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (is_drawing(entry.path().filename().string())) found.push_back(entry.path());
  for (const fs::path& file : found) fs::remove(file);
}

void write_pictures(const fs::path& folder, const Tensor& pictures, const Tensor& labels, std::int64_t columns) {
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, "sample", "the folder ", folder, " can't be made: ", error.message());
  remove_drawings(folder);
  write_png(folder / "grid.png", picture_grid(pictures, columns));
  const std::vector<std::int64_t> classes = labels.to_vector<std::int64_t>();
  for (std::int64_t i = 0; i < pictures.size(0); ++i)
    write_png(folder / fmt::format("{:05}-class-{}.png", i, classes[static_cast<std::size_t>(i)]),
              pictures.select(0, i));
}

int sample(const SampleLine& line) {
  if (line.run.empty() + line.checkpoint.empty() + line.weights.empty() != 2)
    throw UsageError("from what? Give one of --run, --checkpoint and --weights");
  if (line.weights.empty() && line.published.given())
    throw UsageError("--model, --set, --part and --bgr are about --weights; a run has its own networks");
  if (line.count < 1 || line.count > kMostSamples)
    throw UsageError(fmt::format("--num-samples must be from 1 to {}, not {}", kMostSamples, line.count));
  Source source = source_of(line);
  std::optional<ExactConvolutions> exact;
  if (source.exact_conv) exact.emplace();

  std::vector<std::int64_t> labels(static_cast<std::size_t>(line.count));
  const bool one_class = !line.label.empty();
  const std::int64_t only = one_class ? find_class(line.label, source) : 0;
  for (std::size_t i = 0; i < labels.size(); ++i)
    labels[i] = one_class ? only : static_cast<std::int64_t>(i) % source.classes;
  const Tensor label_tensor = Tensor::from(labels, {line.count});

  const fs::path folder = !line.out.empty() ? fs::path(line.out) : fs::path(line.run) / "drawn";
  write_pictures(folder, draw(source.generator, label_tensor, line.seed), label_tensor,
                 grid_columns(line.count, one_class ? 1 : source.classes));
  fmt::print("{} pictures of {}: {} shows them all, the others one each\n", line.count, source.name,
             (folder / "grid.png").string());
  return 0;
}

}  // namespace

Command sample_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("sample", "draw pictures with a trained generator");
  const auto line = std::make_shared<SampleLine>();
  app->allow_extras();
  app->add_option("--run", line->run, "draw with this run's latest checkpoint")->type_name("FOLDER");
  app->add_option("--checkpoint", line->checkpoint, "draw with this checkpoint")->type_name("FILE");
  app->add_option("--weights", line->weights, "draw with these weights, of any system, of the network --model")
      ->type_name("FILE");
  add_options(*app, line->published);
  app->add_option("--num-samples", line->count, "how many pictures")->capture_default_str()->type_name("N");
  app->add_option("--class", line->label, "number or name of the only class to draw; default: all in turn")
      ->type_name("CLASS");
  app->add_option("--seed", line->seed, "of the noise")->capture_default_str()->type_name("N");
  app->add_option("--out", line->out,
                  "where to, replacing what was drawn there before; default: drawn in the run's folder, or here")
      ->type_name("FOLDER");
  return {app, [line] { return sample(*line); }};
}

}  // namespace duel::app
