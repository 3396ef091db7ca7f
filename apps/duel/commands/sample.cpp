// duel sample: pictures from a trained generator: a grid and single files, sheets of classes, a truncation curve, or an
// archive for metrics.
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <regex>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/generator_source.h"
#include "apps/duel/output_file.h"
#include "duel/gan/media/npz.h"
#include "duel/gan/media/png.h"
#include "duel/gan/pictures.h"
#include "duel/nn/batch_norm.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostSamples = 100000, kMostRows = 1000;

struct SampleLine {
  GeneratorLine from;
  NoiseLine noise;
  std::string out, label, npz, curve;
  std::optional<std::int64_t> count;
  std::int64_t sheet = 0, classes_per_sheet = 20, standing_statistics = 0, batch_size = 64;
  std::uint64_t seed = 0;
};

// What is drawn, and how.
struct Drawing {
  Generator& generator;
  const SampleLine& line;
  LatentOptions noise;
  std::optional<std::int64_t> only;  // class
};

fs::path folder_of(const SampleLine& line) {
  return !line.out.empty() ? fs::path(line.out) : fs::path(line.from.run) / "drawn";
}

// Columns of the grid: as square as can be, but a column shows one class where there are pictures of all.
std::int64_t grid_columns(std::int64_t count, std::int64_t classes) {
  const auto side = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  if (classes > count) return side;
  return std::min(count, (side + classes - 1) / classes * classes);
}

// Whether sample gives files this name: "grid.png", "00012-class-3.png", "classes-00000-00019.png", "truncation.png".
bool is_drawing(const std::string& name) {
  static const std::regex drawing(
      "grid\\.png|truncation\\.png|[0-9]{5,}-class-[0-9]+\\.png|classes-[0-9]+-[0-9]+\\.png");
  return std::regex_match(name, drawing);
}

// What an earlier call drew here would pass for pictures of this one.
void clear_folder(const fs::path& folder) {
  make_folder("sample", folder);
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (is_drawing(entry.path().filename().string())) found.push_back(entry.path());
  for (const fs::path& file : found) fs::remove(file);
}

struct CountKept : Visitor {
  int found = 0;
  void on_parameter(const std::string&, Variable&) override {}
  void on_running_moments(RunningMoments& moments) override { found += moments.kept(); }
};

// Statistics of batches drawn in training mode in place of those that training left (BigGAN's "standing statistics").
void set_standing_statistics(const Drawing& d, const LatentOptions& noise) {
  if (d.line.standing_statistics == 0) return;
  Network& network = d.generator.network("--standing-statistics");
  CountKept kept;
  network.visit(kept);
  if (kept.found == 0)
    throw UsageError("--standing-statistics: this network has no batch norms that keep running statistics");
  const NoGrad no_grad;
  reset_running_statistics(network);
  Rng draws = Rng(d.line.seed).split();
  for (std::int64_t i = 0; i < d.line.standing_statistics; ++i) {
    const Tensor z = d.generator.draw_latents(draws, d.line.batch_size, noise);
    const Tensor labels = draws.integers({d.line.batch_size}, d.generator.classes());
    in_memory("a smaller --batch-size", [&] {
      d.generator(z.to(d.generator.device()), labels,
                  {.mode = Mode::train, .rng = &draws, .statistics = StatisticsUpdate::cumulative});
    });
  }
}

Tensor draw(const Drawing& d, Rng& draws, const Tensor& labels, const LatentOptions& noise) {
  const Tensor z = d.generator.draw_latents(draws, labels.size(0), noise);
  return d.generator.draw(z, labels, d.line.batch_size);
}

void draw_pictures(const Drawing& d) {
  const std::int64_t count = d.line.count.value_or(64);
  const Tensor labels = labels_in_turn(count, d.generator.classes(), d.only);
  set_standing_statistics(d, d.noise);
  Rng draws(d.line.seed);
  const Tensor pictures = draw(d, draws, labels, d.noise);
  const fs::path folder = folder_of(d.line);
  clear_folder(folder);
  write_png(folder / "grid.png", picture_grid(pictures, grid_columns(count, d.only ? 1 : d.generator.classes())));
  const std::vector<std::int64_t> classes = labels.to_vector<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i)
    write_png(folder / fmt::format("{:05}-class-{}.png", i, classes[static_cast<std::size_t>(i)]),
              pictures.select(0, i));
  fmt::print("{} pictures of {}: {} shows them all, the others one each\n", count, d.generator.name(),
             (folder / "grid.png").string());
}

// A row for each class.
void draw_sheets(const Drawing& d) {
  const std::int64_t first = d.only.value_or(0), end = d.only ? *d.only + 1 : d.generator.classes();
  set_standing_statistics(d, d.noise);
  const fs::path folder = folder_of(d.line);
  clear_folder(folder);
  Rng draws(d.line.seed);
  std::int64_t sheets = 0;
  for (std::int64_t begin = first; begin < end; begin += d.line.classes_per_sheet, ++sheets) {
    const std::int64_t last = std::min(end, begin + d.line.classes_per_sheet) - 1;
    std::vector<std::int64_t> labels;
    for (std::int64_t c = begin; c <= last; ++c) labels.insert(labels.end(), static_cast<std::size_t>(d.line.sheet), c);
    const auto n = static_cast<std::int64_t>(labels.size());
    write_png(folder / fmt::format("classes-{:05}-{:05}.png", begin, last),
              picture_grid(draw(d, draws, Tensor::from(labels, {n}), d.noise), d.line.sheet));
  }
  fmt::print("{} sheet{} of {} in {}, each class a row of {} pictures\n", sheets, sheets == 1 ? "" : "s",
             d.generator.name(), folder.string(), d.line.sheet);
}

// "0.2_0.1_1": from, by, to.
std::vector<double> truncations_of(const std::string& text) {
  double from = 0, by = 0, to = 0;
  const std::size_t first = text.find('_'), second = text.find('_', first == text.npos ? first : first + 1);
  const bool numbers = second != text.npos && set_from_text(from, text.substr(0, first)) &&
                       set_from_text(by, text.substr(first + 1, second - first - 1)) &&
                       set_from_text(to, text.substr(second + 1));
  if (!numbers || from <= 0 || by <= 0 || to < from || (to - from) / by >= static_cast<double>(kMostRows))
    throw UsageError(
        fmt::format("--truncation-curve takes START_STEP_END, positive numbers for up to {} rows, as in "
                    "0.2_0.2_2, not '{}'",
                    kMostRows, text));
  const auto steps = static_cast<std::int64_t>(std::floor((to - from) / by + 1e-9));
  std::vector<double> all;
  for (std::int64_t i = 0; i <= steps; ++i) all.push_back(from + static_cast<double>(i) * by);
  return all;
}

// A row for each truncation, of the same noise.
void draw_curve(const Drawing& d) {
  const std::int64_t columns = d.line.count.value_or(10);
  std::vector<LatentOptions> rows;
  for (const double truncation : truncations_of(d.line.curve))
    rows.push_back(latent_options({.truncation = truncation, .scale = d.line.noise.scale, .style = d.line.noise.style},
                                  "--truncation-curve"));
  const Tensor labels = labels_in_turn(columns, d.generator.classes(), d.only);
  Tensor all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    set_standing_statistics(d, rows[i]);
    Rng draws(d.line.seed);
    const Tensor row = draw(d, draws, labels, rows[i]);
    const auto n = static_cast<std::int64_t>(rows.size()), at = static_cast<std::int64_t>(i);
    if (i == 0) all = Tensor::empty({n * columns, row.size(1), row.size(2), row.size(3)}, {.dtype = DType::uint8});
    all.slice(0, at * columns, (at + 1) * columns).copy_(row);
  }
  const fs::path folder = folder_of(d.line);
  clear_folder(folder);
  write_png(folder / "truncation.png", picture_grid(all, columns));
  fmt::print("{} shows {} pictures of {} at {} truncations from {:g}, top, to {:g}\n",
             (folder / "truncation.png").string(), columns, d.generator.name(), rows.size(), rows.front().truncation,
             rows.back().truncation);
}

void draw_npz(const Drawing& d) {
  const std::int64_t count = d.line.count.value_or(64);
  const Tensor labels = labels_in_turn(count, d.generator.classes(), d.only);
  set_standing_statistics(d, d.noise);
  Rng draws(d.line.seed);
  const Tensor pictures = draw(d, draws, labels, d.noise).permute({0, 2, 3, 1});
  write_npz(d.line.npz, {{"arr_0", pictures}, {"labels", labels}});
  fmt::print("{} pictures of {} in {}: arr_0, uint8 [{}, {}, {}, {}], and labels\n", count, d.generator.name(),
             d.line.npz, count, pictures.size(1), pictures.size(2), pictures.size(3));
}

void check_numbers(const SampleLine& line) {
  check_range("--num-samples", line.count.value_or(1), 1, kMostSamples);
  check_range("--sheet", line.sheet, 0, kMostRows);
  check_range("--classes-per-sheet", line.classes_per_sheet, 1, kMostRows);
  check_range("--standing-statistics", line.standing_statistics, 0, kMostSamples);
  check_range("--batch-size", line.batch_size, 1, kMostSamples);
  if (line.npz.empty() + line.curve.empty() + (line.sheet == 0) < 2)
    throw UsageError("one thing at a time: --npz, --sheet or --truncation-curve");
  if (!line.npz.empty() && !line.out.empty()) throw UsageError("--npz says itself where to: leave out --out");
  if (!line.npz.empty()) check_output("--npz", line.npz, FileKind::npz);
  if (!line.curve.empty() && line.noise.truncation != 0)
    throw UsageError("--truncation-curve goes through truncations: leave out --truncation");
  if (line.sheet > 0 && line.count)
    throw UsageError("--sheet says itself how many pictures of each class: leave out --num-samples");
}

int sample(const SampleLine& line) {
  check_line(line.from);
  check_numbers(line);
  Generator generator(line.from);
  Drawing drawing{generator, line, latent_options(line.noise), {}};
  if (!line.label.empty()) drawing.only = generator.find_class(line.label, "--class");
  if (!line.npz.empty())
    draw_npz(drawing);
  else if (!line.curve.empty())
    draw_curve(drawing);
  else if (line.sheet > 0)
    draw_sheets(drawing);
  else
    draw_pictures(drawing);
  return 0;
}

void add_outputs(CLI::App& app, SampleLine& line) {
  app.add_option("--num-samples", line.count, "how many pictures, of a curve in a row; default: 64, of a curve 10")
      ->type_name("N");
  app.add_option("--class", line.label, "number or name of the only class to draw; default: all in turn")
      ->type_name("CLASS");
  app.add_option("--seed", line.seed, "of the noise")->capture_default_str()->type_name("N");
  app.add_option("--out", line.out,
                 "where to, replacing what was drawn there before; default: drawn in the run's folder, or here")
      ->type_name("FOLDER");
  app.add_option(
         "--npz", line.npz,
         "write no pictures but this archive for numpy, as programs for metrics read it: arr_0, uint8 [N, H, W, "
         "C], and labels, int64 [N]")
      ->type_name("FILE");
  app.add_option("--sheet", line.sheet, "draw sheets with a row of N pictures for each class")->type_name("N");
  app.add_option("--classes-per-sheet", line.classes_per_sheet, "rows of a sheet")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--truncation-curve", line.curve,
                 "draw a sheet with a row for each truncation from START by STEP to END, of the same noise")
      ->type_name("START_STEP_END");
}

}  // namespace

Command sample_command(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("sample", "draw pictures with a trained generator or variational auto-encoder");
  const auto line = std::make_shared<SampleLine>();
  app->allow_extras();
  add_options(*app, line->from);
  add_network_option(*app, line->from);
  add_outputs(*app, *line);
  add_options(*app, line->noise);
  app->add_option(
         "--standing-statistics", line->standing_statistics,
         "first take the batch norms' statistics anew, over N batches of such noise; default: those of training")
      ->type_name("N");
  app->add_option("--batch-size", line->batch_size, "pictures that are drawn at once")
      ->capture_default_str()
      ->type_name("N");
  return {app, [line] { return sample(*line); }};
}

}  // namespace duel::app
