#include "apps/duel/translator.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "apps/duel/checkpoint.h"
#include "duel/autograd/ops.h"
#include "duel/gan/data/lab.h"
#include "duel/gan/data/resize.h"
#include "duel/gan/pictures.h"

namespace duel::app {
namespace {

constexpr std::int64_t kLargestTile = 65536;

// Of the sides of pictures that the network takes.
std::int64_t multiple_of(const Blueprint& network) {
  const auto number = [&](const char* name) { return std::stoll(network.get(name).value_or("0")); };
  const std::int64_t halvings = network.get("halvings") ? number("halvings")
                                : network.get("layers") ? number("layers") + 1
                                                        : 0;
  return std::int64_t{1} << std::clamp<std::int64_t>(halvings, 0, 16);
}

// That to which training resized all pictures, if it did; what was cut out of pictures had their scale.
std::optional<Size2> trained_size(const DataOptions& data, const Shape& picture) {
  const Preprocess p = data.transform.preprocess;
  if (p != Preprocess::resize && p != Preprocess::resize_and_crop) return {};
  return Size2{picture[1], picture[2]};
}

std::int64_t rounded_up(std::int64_t side, std::int64_t step) { return (side + step - 1) / step * step; }

// Where tiles of `size` begin that cover `length` with at least `overlap` in common.
std::vector<std::int64_t> tile_starts(std::int64_t length, std::int64_t size, std::int64_t overlap) {
  std::vector<std::int64_t> starts{0};
  while (starts.back() + size < length) starts.push_back(std::min(starts.back() + size - overlap, length - size));
  return starts;
}

// How much a pixel of a tile weighs along one side: less towards its ends, where the next tile knows better.
std::vector<float> ramp(std::int64_t size, std::int64_t overlap) {
  std::vector<float> weights;
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t inside = std::min(i, size - 1 - i) + 1;
    weights.push_back(std::min(1.F, static_cast<float>(inside) / static_cast<float>(overlap + 1)));
  }
  return weights;
}

// sum += weight * tile, weights += weight at (top, left); all row-major.
void add_tile(const Tensor& tile, std::int64_t top, std::int64_t left, std::int64_t overlap, Tensor& sum,
              Tensor& weights) {
  const std::int64_t channels = tile.size(1), h = tile.size(2), w = tile.size(3), width = sum.size(3);
  const std::vector<float> down = ramp(h, overlap), along = ramp(w, overlap);
  const Tensor from = tile.row_major();
  const float* y = from.data<float>();
  float *total = sum.mutable_data<float>(), *weight = weights.mutable_data<float>();
  for (std::int64_t i = 0; i < h; ++i)
    for (std::int64_t j = 0; j < w; ++j) {
      const float share = down[static_cast<std::size_t>(i)] * along[static_cast<std::size_t>(j)];
      const std::int64_t at = (top + i) * width + left + j;
      weight[at] += share;
      for (std::int64_t c = 0; c < channels; ++c) total[c * sum.size(2) * width + at] += share * y[(c * h + i) * w + j];
    }
}

}  // namespace

void add_options(CLI::App& app, TranslatorLine& line) {
  add_options(app, line.from);
  app.add_option("--direction", line.direction,
                 "of a run of the game cycle: a_to_b, by its generator_a, or b_to_a, by generator_b; default: a_to_b")
      ->type_name("DIRECTION");
  app.add_option("--size", line.size,
                 "resize pictures first, bicubic, to N or HxW pixels, or as in training, as CycleGAN's and pix2pix's "
                 "test.py does: trained; or translate them at their own sizes: keep. Default: trained, for a run whose "
                 "--preprocess gave all pictures one size, and no --tile; else keep")
      ->type_name("SIZE");
  app.add_option("--mode", line.mode,
                 "eval, or train: with dropout and the picture's own statistics, as pix2pix is tested")
      ->capture_default_str()
      ->type_name("MODE");
  app.add_option("--seed", line.seed, "of the dropout")->capture_default_str()->type_name("N");
  app.add_option("--tile", line.tile,
                 "translate larger pictures in tiles of N pixels a side, for less memory; what a network knows of the "
                 "whole picture it then knows of a tile; 0: never")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--overlap", line.overlap,
                 "pixels over which one tile passes into the next; default: 32, at most a quarter of a tile")
      ->type_name("N");
}

Translator::Loaded Translator::from_run(const TranslatorLine& line) {
  const Checkpoint c = read_checkpoint(checkpoint_file(line.from));
  const GameKind game = c.options.game_kind;
  if (game == GameKind::adversarial || game == GameKind::autoencode)
    throw UsageError(fmt::format("the run's networks make no pictures of pictures (game {}): see duel sample --help",
                                 to_text(game)));
  const bool cycle = game == GameKind::cycle;
  if (!cycle && !line.direction.empty())
    throw UsageError("--direction is about the game cycle; this run has one generator");
  const char* wanted = !cycle ? "generator" : line.direction == "b_to_a" ? "generator_b" : "generator_a";
  for (const auto& [name, blueprint] : game_networks(c.options)) {
    if (name != wanted) continue;
    Rng rng(0);
    Network network = blueprint.make(rng);
    load_state_dict(network, part(c.content.tensors, name), c.file.c_str());
    const BatchShape& data = c.options.data_shape;
    return {.network = std::move(network),
            .step = multiple_of(blueprint),
            .trained = trained_size(c.options.data, line.direction == "b_to_a" ? data.target : data.picture),
            .colourises = c.options.data.mode == DataMode::colorization,
            .exact_conv = c.options.exact_conv,
            .name = fmt::format("step {}", c.step)};
  }
  fail("translate", c.file, " has no ", wanted);
}

Translator::Loaded Translator::from_weights(const TranslatorLine& line) {
  const PublishedLine& published = line.from.published;
  if (!line.direction.empty()) throw UsageError("--direction is about runs; weights are of one generator");
  Network network = load_published(published, line.from.weights);
  const CatalogueEntry entry = chosen_entry(published);
  return {.network = std::move(network), .step = multiple_of(entry.networks.front().second), .name = entry.name};
}

std::optional<Size2> Translator::size_of(const TranslatorLine& line, const Loaded& loaded) {
  if (line.size == "keep") return {};
  if (line.size.empty()) return line.tile > 0 ? std::nullopt : loaded.trained;
  if (line.size == "trained") {
    if (!loaded.trained)
      throw UsageError(
          fmt::format("--size trained: {} knows no one size of pictures; give --size N, HxW or keep", loaded.name));
    return loaded.trained;
  }
  Size2 size{};
  if (!set_from_text(size, line.size))
    throw UsageError(fmt::format("--size must be N, HxW, trained or keep, not '{}'", line.size));
  check_range("--size", std::min(size.h, size.w), 1, kLargestTile);
  check_range("--size", std::max(size.h, size.w), 1, kLargestTile);
  return size;
}

Translator::Loaded Translator::load(const TranslatorLine& line) {
  check_line(line.from);
  if (line.mode != "eval" && line.mode != "train") throw UsageError("--mode must be eval or train, not " + line.mode);
  if (!line.direction.empty() && line.direction != "a_to_b" && line.direction != "b_to_a")
    throw UsageError("--direction must be a_to_b or b_to_a, not " + line.direction);
  check_range("--tile", line.tile, 0, kLargestTile);
  if (line.overlap && (*line.overlap < 0 || *line.overlap > line.tile / 2))
    throw UsageError(fmt::format("--overlap must be from 0 to half of --tile, not {}", *line.overlap));
  Loaded loaded = line.from.weights.empty() ? from_run(line) : from_weights(line);
  const Shape& input = loaded.network.input().shape;
  if (input.dim() != 3 || (input[0] != 1 && input[0] != 3))
    throw UsageError(fmt::format("{} makes no pictures of pictures with one or three channels", loaded.name));
  loaded.device = place(loaded.network, line.from.place);
  return loaded;
}

Translator::Translator(const TranslatorLine& line) : Translator(load(line), line) {}

Translator::Translator(Loaded loaded, const TranslatorLine& line)
    : loaded_(std::move(loaded)),
      size_(size_of(line, loaded_)),
      tile_(rounded_up(line.tile, loaded_.step)),
      overlap_(line.overlap.value_or(std::min<std::int64_t>(32, line.tile / 4))),
      mode_(line.mode == "eval" ? Mode::eval : Mode::train),
      draws_(line.seed) {
  if (loaded_.exact_conv) exact_.emplace();
}

// [C, H, W] to float32 [1, channels, H, W] in [-1, 1]; colours become grey by ITU-R BT.601, and grey three alike.
Tensor Translator::network_input(const Tensor& picture) const {
  const std::int64_t channels = loaded_.network.input().shape[0];
  const Variable x = unsqueeze(Variable(picture.to(DType::float32)), 0) / 127.5 - 1;
  if (x.size(1) == channels) return x.value();
  if (channels == 3) return concat({x, x, x}, 1).value();
  const auto channel = [&](std::int64_t i) { return slice(x, 1, i, i + 1); };
  return (0.299 * channel(0) + 0.587 * channel(1) + 0.114 * channel(2)).value();
}

// What the sides lack to what the network takes is filled by reflection, and cut off again. x and the result lie on the
// CPU, so that the network's device holds no more than a tile.
Tensor Translator::padded_and_cut(const Tensor& x) {
  const std::int64_t h = x.size(2), w = x.size(3);
  const auto missing = [&](std::int64_t side) { return rounded_up(side, loaded_.step) - side; };
  check(missing(h) < h && missing(w) < w, "translate", "a picture of ", h, " x ", w, " is too small for ", loaded_.name,
        ", whose pictures' sides are multiples of ", loaded_.step, ": resize it with --size ",
        loaded_.trained ? "trained" : cat(rounded_up(std::max(h, w), loaded_.step)));
  const Variable padded = pad2d(x.to(loaded_.device), {.h = {0, missing(h)}, .w = {0, missing(w)}}, PadMode::reflect);
  const Tensor y = loaded_.network(padded, {}, {.mode = mode_, .rng = &draws_}).value();
  check(y.size(2) == padded.size(2) && y.size(3) == padded.size(3), "translate", loaded_.name, " makes ", y.size(2),
        " x ", y.size(3), " pixels of ", padded.size(2), " x ", padded.size(3), ", not a picture of the same size");
  return y.slice(2, 0, h).slice(3, 0, w).to(Device::cpu);
}

Tensor Translator::in_tiles(const Tensor& x) {
  const std::int64_t h = x.size(2), w = x.size(3), th = std::min(tile_, h), tw = std::min(tile_, w);
  Tensor sum, weights = Tensor::zeros({1, 1, h, w});
  for (const std::int64_t top : tile_starts(h, th, overlap_))
    for (const std::int64_t left : tile_starts(w, tw, overlap_)) {
      const Tensor tile = padded_and_cut(x.slice(2, top, top + th).slice(3, left, left + tw));
      if (!sum.defined()) sum = Tensor::zeros({1, tile.size(1), h, w});
      add_tile(tile, top, left, overlap_, sum, weights);
    }
  return (Variable(sum) / Variable(weights)).value();
}

Tensor Translator::translated(const Tensor& x) {
  return tile_ > 0 && (x.size(2) > tile_ || x.size(3) > tile_) ? in_tiles(x) : padded_and_cut(x);
}

Tensor Translator::operator()(const Tensor& given) {
  const NoGrad no_grad;
  const Tensor picture = size_ ? resize(given, *size_, ResizeFilter::bicubic) : given;
  if (loaded_.colourises) {
    const Tensor rgb = picture.size(0) == 3 ? picture : picture.expand({3, picture.size(1), picture.size(2)});
    const Tensor lightness = lightness_and_colours(rgb).lightness.unsqueeze(0);
    return colourised(lightness, translated(lightness)).select(0, 0);
  }
  const Tensor y = translated(network_input(picture));
  check(y.size(1) == 1 || y.size(1) == 3, "translate", loaded_.name, " makes pictures of ", y.size(1),
        " channels, which are no colours");
  return to_uint8(y).select(0, 0);
}

}  // namespace duel::app
