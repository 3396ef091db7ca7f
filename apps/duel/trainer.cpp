#include "apps/duel/trainer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "duel/gan/media/idx.h"
#include "duel/gan/media/png.h"
#include "duel/gan/pictures.h"

namespace duel::app {
namespace {

constexpr std::int64_t kMaxColumns = 10, kRows = 8;  // of a grid of samples

Dataset load_data(const TrainOptions& o) {
  Dataset data = load_idx_dataset(o.data, Split::train);
  if (!o.class_names.empty()) {
    check(static_cast<std::int64_t>(o.class_names.size()) == data.classes, "train", o.class_names.size(),
          " class names given, but the data in ", o.data, " has ", data.classes, " classes");
    data.class_names = o.class_names;
  }
  return data;
}

TrainOptions with_sizes(TrainOptions o, const Dataset& data) {
  const Shape& pictures = data.pictures.shape();
  o.game.model.channels = pictures[1];
  o.game.model.size = {pictures[2], pictures[3]};
  o.game.model.classes = std::max<std::int64_t>(1, data.classes);  // 1 without labels
  return o;
}

ConditionalGame::Options game_options(const TrainOptions& o, std::uint64_t seed) {
  ConditionalGame::Options game = o.game;
  for (AdamOptions* adam : {&game.generator, &game.discriminator}) {
    adam->beta1 = o.beta1;
    adam->beta2 = o.beta2;
  }
  game.seed = seed;
  return game;
}

std::int64_t steps_to_train(const TrainOptions& o, const Batches& batches) {
  if (o.steps > 0) return o.steps;
  const std::int64_t updates = o.epochs * batches.per_epoch();
  return (updates + o.game.d_steps - 1) / o.game.d_steps;
}

// 0, 1, ... one class per column, again and again.
Tensor column_labels(std::int64_t columns, std::int64_t rows) {
  std::vector<std::int64_t> labels(static_cast<std::size_t>(columns * rows));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i) % columns;
  return Tensor::from(labels, {columns * rows});
}

double to_tenths(double x) { return std::round(x * 10) / 10; }

}  // namespace

Trainer::Trainer(const TrainOptions& options) : Trainer(options, load_data(options), Rng(options.seed)) {}

Trainer::Trainer(const TrainOptions& options, Dataset data, Rng streams)
    : options_(with_sizes(options, data)),
      batches_(std::move(data), options.batch_size, streams.split().seed()),
      game_(game_options(options_, streams.split().seed())),
      labels_(column_labels(std::min(kMaxColumns, options_.game.model.classes), kRows)),
      z_(streams.split().normal({labels_.size(0), options.game.model.latent})),
      total_steps_(steps_to_train(options_, batches_)) {}

void Trainer::restore(const Checkpoint& checkpoint) { restore_checkpoint(checkpoint, game_, batches_); }

Trainer::End Trainer::train(const RunDirectory& run, const InterruptGuard& interrupt) {
  MetricsLog metrics(run.metrics(), step());
  Progress progress(total_steps_, options_.batch_size * options_.game.d_steps);
  while (step() < total_steps_) {
    const ConditionalGame::Losses losses = game_.step(batches_);
    progress.update(step(), losses);
    const bool last = step() == total_steps_, stop = interrupt.requested();
    const auto due = [&](std::int64_t interval) { return last || step() % interval == 0; };
    // The checkpoint comes last: what it says was done is there.
    if (due(options_.log_every)) log(metrics, losses, progress.images_per_second());
    if (due(options_.sample_every)) sample(run);
    if (stop || due(options_.checkpoint_every)) save(run);
    if (last || stop) progress.finish();
    if (stop && !last) return End::interrupted;
  }
  if (!std::filesystem::exists(run.samples(step()))) sample(run);  // a run that had nothing left to do
  return End::complete;
}

void Trainer::log(MetricsLog& metrics, const ConditionalGame::Losses& losses, double images_per_second) const {
  const Batches::Position position = batches_.position();
  const double epoch = static_cast<double>(position.epoch) +
                       static_cast<double>(position.index) / static_cast<double>(batches_.per_epoch());
  Json line = {
      {"step", step()},        {"epoch", epoch},       {"d_loss", losses.discriminator}, {"g_loss", losses.generator},
      {"d_real", losses.real}, {"d_fake", losses.fake}};
  if (options_.game.r1_gamma > 0) line["r1"] = losses.r1;
  line["images_per_second"] = to_tenths(images_per_second);
  metrics.write(line);
}

void Trainer::sample(const RunDirectory& run) {
  write_png(run.samples(step()), picture_grid(to_uint8(game_.sample(z_, labels_)), labels_.size(0) / kRows));
}

void Trainer::save(const RunDirectory& run) {
  write_checkpoint(run.latest_checkpoint(), options_, game_, batches_);
  if (options_.keep_checkpoints > 0) write_checkpoint(run.numbered_checkpoint(step()), options_, game_, batches_);
  run.prune_checkpoints(step(), options_.keep_checkpoints);
}

}  // namespace duel::app
