#include "apps/duel/session.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "apps/duel/open_data.h"
#include "duel/gan/data/lab.h"
#include "duel/gan/data/restoration.h"

namespace duel::app {
namespace {

using Warn = std::function<void(const std::string&)>;

// Values in [-1, 1] on the scale of bytes, which is what a loader takes.
Tensor on_scale_of_bytes(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape());
  const float* from = x.data<float>();
  std::transform(from, from + x.numel(), y.mutable_data<float>(), [](float v) { return (v + 1) * 127.5f; });
  return y;
}

Example lab_example(const Example& rgb) {
  const LightnessAndColours both = lightness_and_colours(rgb.picture);
  return {on_scale_of_bytes(both.lightness.row_major()), on_scale_of_bytes(both.colours.row_major())};
}

std::vector<Transform> plugin_transforms(const TrainOptions& o) {
  std::vector<Transform> transforms;
  for (const std::string& name : o.data.transforms) {
    const auto& part = find_part(parts().transforms, name, "--transforms");
    transforms.push_back(make_part(parts().transforms, part, o.settings));
  }
  return transforms;
}

Transform make_transform(const TrainOptions& o) {
  const DataOptions& d = o.data;
  TransformOptions t = d.transform;
  if (d.mode == DataMode::colorization) t.channels = 3;
  check_options(t);
  return [t, mode = d.mode, spoil = RestorationOptions{d.downscale, d.noise}, more = plugin_transforms(o)](
             const Example& example, Rng& draws) {
    Example transformed = transform(t, example, draws);
    for (const Transform& another : more) transformed = another(transformed, draws);
    if (mode == DataMode::colorization) return lab_example(transformed);
    if (mode == DataMode::restoration) return spoilt(spoil, transformed.picture, draws);
    return transformed;
  };
}

// Bytes are what should travel to a device. A plug-in's game takes what networks do.
BatchPixels batch_pixels(const TrainOptions& o) {
  const bool device = training_place(o).device != Device::cpu && o.game_kind != GameKind::plugin;
  return device ? BatchPixels::bytes : BatchPixels::floats;
}

DataLoader load(const TrainOptions& o, std::uint64_t seed, const Warn& warn) {
  const DataOptions& d = o.data;
  std::shared_ptr<const Dataset> data = open_data(d, warn, o.settings);
  const auto classes = static_cast<std::int64_t>(d.class_names.size());
  check(classes == 0 || classes == data->classes(), "train", classes, " class names given, but the data in ", d.path,
        " has ", data->classes(), " classes");
  return DataLoader(std::move(data), {.batch_size = d.batch_size,
                                      .seed = seed,
                                      .transform = make_transform(o),
                                      .shuffle = d.shuffle ? Shuffle::yes : Shuffle::no,
                                      .workers = d.workers,
                                      .pixels = batch_pixels(o)});
}

Criterion plugin_criterion(const TrainOptions& o) {
  const auto* part = parts().criteria.find(best_criterion(o).first);
  return part ? make_part(parts().criteria, *part, o.settings) : nullptr;
}

TrainOptions with_data(TrainOptions o, const DataLoader& data) {
  o.data_shape = data.shape();
  return o;
}

std::unique_ptr<Game> fitting_game(const TrainOptions& o, std::uint64_t seed, const DataLoader& data) {
  std::unique_ptr<Game> game = make_game(o, seed);
  try {
    game->check_fits(data.shape());
  } catch (const Error& e) {
    throw UsageError(fmt::format("{}; choose another --model, or other sizes with --preprocess and --pad", e.what()));
  }
  return game;
}

}  // namespace

Session::Session(const TrainOptions& given, const Warn& warn)
    : options(given),
      streams(given.seed),
      data(load(given, streams.split().seed(), warn)),
      game((options = with_data(given, data), fitting_game(options, streams.split().seed(), data))),
      rates(options, *game),
      oversight(options),
      criterion(plugin_criterion(options)) {}

Trained Session::trained() {
  Trained all{*game, data, rates.state()};
  all.training.merge(oversight.state());
  return all;
}

bool Session::is_best() {
  if (criterion) {
    const double value = criterion(*game, data, Rng(options.seed));
    check(!std::isnan(value), "train", "the plug-in's criterion ", options.best, " gave NaN");
    oversight.observe_criterion(value);
  }
  return oversight.is_best();
}

void Session::restore(const Checkpoint& checkpoint) {
  rates.catch_up(checkpoint.step);
  restore_checkpoint(checkpoint, trained());
}

}  // namespace duel::app
