// duel neighbours: whether a generator makes pictures of its own: what it draws beside the nearest of its training set.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/generator_source.h"
#include "apps/duel/open_data.h"
#include "apps/duel/output_file.h"
#include "apps/duel/run_directory.h"
#include "duel/gan/data/resize.h"
#include "duel/gan/games/show.h"
#include "duel/gan/media/png.h"
#include "duel/gan/pictures.h"
#include "duel/tensor/thread_pool.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kAtOnce = std::int64_t{1} << 22;  // numbers of the training set's pictures

struct NeighboursLine {
  GeneratorLine from;
  NoiseLine noise;
  std::string data, label, out;
  std::int64_t count = 8, neighbours = 5, downscale = 1, batch_size = 64;
  std::uint64_t seed = 0;
};

struct Neighbour {
  double distance;  // sum of squares
  std::int64_t index;
  Tensor picture;  // uint8 [C, H, W]
};

// [C, H, W] from 0 to 255 as numbers to compare.
std::vector<float> features(const Tensor& picture, std::int64_t downscale) {
  const Tensor x = picture.to(DType::float32);
  if (downscale == 1) return x.to_vector<float>();
  const auto smaller = [&](std::int64_t side) { return std::max<std::int64_t>(1, side / downscale); };
  return resize(x, {smaller(x.size(1)), smaller(x.size(2))}, ResizeFilter::box).to_vector<float>();
}

Tensor as_bytes(const Tensor& picture) {
  return picture.dtype() == DType::uint8 ? picture : to_uint8((Variable(picture) / 127.5 - 1).value());
}

double squared_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = double{a[i]} - b[i];
    sum += difference * difference;
  }
  return sum;
}

// The nearest pictures to each sample of all that it has been shown.
class Search {
 public:
  Search(const Tensor& samples, std::int64_t neighbours, std::int64_t downscale)
      : keep_(static_cast<std::size_t>(neighbours)),
        downscale_(downscale),
        found_(static_cast<std::size_t>(samples.size(0))) {
    for (std::int64_t i = 0; i < samples.size(0); ++i) samples_.push_back(features(samples.select(0, i), downscale));
  }

  // Pictures number `begin` and so on of the set; undefined are those that can't be read.
  void show(const std::vector<Tensor>& pictures, std::int64_t begin) {
    const auto n = static_cast<std::int64_t>(pictures.size()), samples = static_cast<std::int64_t>(samples_.size());
    std::vector<double> distances(static_cast<std::size_t>(n * samples));
    parallel_for(n, 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i) {
        if (!pictures[static_cast<std::size_t>(i)].defined()) continue;
        const std::vector<float> picture = features(pictures[static_cast<std::size_t>(i)], downscale_);
        for (std::int64_t s = 0; s < samples; ++s)
          distances[static_cast<std::size_t>(i * samples + s)] =
              squared_distance(samples_[static_cast<std::size_t>(s)], picture);
      }
    });
    for (std::int64_t i = 0; i < n; ++i) {
      const Tensor& picture = pictures[static_cast<std::size_t>(i)];
      if (!picture.defined()) continue;
      for (std::int64_t s = 0; s < samples; ++s)
        take(found_[static_cast<std::size_t>(s)], distances[static_cast<std::size_t>(i * samples + s)], begin + i,
             picture);
    }
  }

  /// Of each sample, nearest first.
  const std::vector<std::vector<Neighbour>>& found() const { return found_; }
  std::size_t numbers() const { return samples_.front().size(); }

 private:
  void take(std::vector<Neighbour>& nearest, double distance, std::int64_t index, const Tensor& picture) const {
    if (nearest.size() == keep_ && distance >= nearest.back().distance) return;
    const auto after =
        std::find_if(nearest.begin(), nearest.end(), [&](const Neighbour& other) { return distance < other.distance; });
    nearest.insert(after, {distance, index, as_bytes(picture)});
    if (nearest.size() > keep_) nearest.pop_back();
  }

  std::size_t keep_;
  std::int64_t downscale_;
  std::vector<std::vector<float>> samples_;
  std::vector<std::vector<Neighbour>> found_;
};

TrainOptions run_options(const NeighboursLine& line) {
  const RunDirectory run(line.from.run);
  if (run.content() != RunDirectory::Content::run)
    throw UsageError(fmt::format("there is no run in {}", line.from.run));
  TrainOptions options = resolve({read_json_layer(run.config().string())});
  if (options.game_kind != GameKind::adversarial && options.game_kind != GameKind::autoencode)
    throw UsageError("neighbours are for pictures made of noise, not for those made of pictures");
  if (!line.data.empty()) options.data.path = line.data;
  options.data.transform.flip = Flip::none;
  return options;
}

// Shows all of the training set, some at a time, as training sees it but not flipped.
void search_data(Search& search, const Dataset& data, const TransformOptions& options, const Shape& picture) {
  const std::int64_t at_once = std::max<std::int64_t>(1, kAtOnce / picture.numel());
  for (std::int64_t begin = 0; begin < data.size(); begin += at_once) {
    const std::int64_t n = std::min(at_once, data.size() - begin);
    std::vector<Tensor> pictures(static_cast<std::size_t>(n));
    std::vector<std::string> problems(pictures.size());
    parallel_for(n, 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i) {
        const auto place = static_cast<std::size_t>(i);
        Rng draws(static_cast<std::uint64_t>(begin + i));
        try {
          pictures[place] = transform(options, data.read(begin + i, draws), draws).picture;
        } catch (const Error& e) {
          problems[place] = e.what();
        }
      }
    });
    for (const std::string& problem : problems)
      if (!problem.empty()) fmt::print(stderr, "duel: left out: {}\n", problem);
    for (const Tensor& p : pictures)
      check(!p.defined() || p.shape() == picture, "neighbours", "the data's pictures are ",
            p.defined() ? p.shape() : Shape{}, ", the generator's ", picture);
    search.show(pictures, begin);
  }
}

void check_numbers(const NeighboursLine& line) {
  check_range("--num-samples", line.count, 1, 1000);
  check_range("--neighbours", line.neighbours, 1, 1000);
  check_range("--downscale", line.downscale, 1, 1024);
  check_range("--batch-size", line.batch_size, 1, 100000);
}

Tensor sheet_of(const Tensor& samples, const Search& search) {
  std::vector<Tensor> columns{samples};
  for (std::size_t k = 0; k < search.found().front().size(); ++k) {
    Tensor column = Tensor::empty(samples.shape(), {.dtype = DType::uint8});
    for (std::int64_t s = 0; s < samples.size(0); ++s)
      column.select(0, s).copy_(search.found()[static_cast<std::size_t>(s)][k].picture);
    columns.push_back(column);
  }
  return side_by_side(columns);
}

int neighbours(const NeighboursLine& line) {
  if (line.from.run.empty()) throw UsageError("of what run? Give --run FOLDER");
  check_numbers(line);
  const LatentOptions noise = latent_options(line.noise);
  const TrainOptions options = run_options(line);
  const fs::path out = !line.out.empty() ? fs::path(line.out) : fs::path(line.from.run) / "neighbours.png";
  check_output("--out", out, FileKind::png);
  const std::unique_ptr<Dataset> data = open_data(
      options.data, [](const std::string& text) { fmt::print(stderr, "duel: {}\n", text); }, options.settings);
  Generator generator(line.from);
  std::optional<std::int64_t> only;
  if (!line.label.empty()) only = generator.find_class(line.label, "--class");
  Rng draws(line.seed);
  const Tensor z = generator.draw_latents(draws, line.count, noise);
  const Tensor labels = labels_in_turn(line.count, generator.classes(), only);
  const Tensor samples = generator.draw(z, labels, line.batch_size);
  Search search(samples, line.neighbours, line.downscale);
  search_data(search, *data, options.data.transform, generator.picture());
  check(!search.found().front().empty(), "neighbours", "no picture of the data could be read");
  if (out.has_parent_path()) make_folder("neighbours", out.parent_path());
  write_png(out, sheet_of(samples, search));
  fmt::print("sample  grey levels  nearest picture\n");
  for (std::size_t s = 0; s < search.found().size(); ++s) {
    const Neighbour& nearest = search.found()[s].front();
    fmt::print("{:6}  {:11.2f}  {}\n", s, std::sqrt(nearest.distance / static_cast<double>(search.numbers())),
               data->name(nearest.index));
  }
  fmt::print(
      "{}: {} samples of {}, each before its {} nearest of {} pictures; grey levels: root mean squares of the "
      "differences\n",
      out.string(), line.count, generator.name(), search.found().front().size(), data->size());
  return 0;
}

}  // namespace

Command neighbours_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("neighbours", "draw pictures beside the nearest ones of the training set");
  const auto line = std::make_shared<NeighboursLine>();
  app->allow_extras();
  app->add_option("--run", line->from.run, "of this run: its latest checkpoint, and its data")->type_name("FOLDER");
  add_network_option(*app, line->from);
  add_options(*app, line->from.place);
  app->add_option("--data", line->data, "where the run's data are now; default: where they were")->type_name("PATH");
  const auto number = [&](const char* option, std::int64_t& value, const char* help) {
    app->add_option(option, value, help)->capture_default_str()->type_name("N");
  };
  number("--num-samples", line->count, "how many pictures to draw");
  number("--neighbours", line->neighbours, "how many to show beside each");
  number("--downscale", line->downscale, "compare pictures that are this many times smaller a side: less of details");
  app->add_option("--class", line->label, "number or name of the only class to draw; default: all in turn")
      ->type_name("CLASS");
  app->add_option("--seed", line->seed, "of the noise")->capture_default_str()->type_name("N");
  add_options(*app, line->noise);
  app->add_option("--out", line->out, "the sheet; default: neighbours.png in the run's folder")->type_name("FILE.png");
  number("--batch-size", line->batch_size, "pictures that are drawn at once");
  return {app, [line] { return neighbours(*line); }};
}

}  // namespace duel::app
