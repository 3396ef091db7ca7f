#include "apps/duel/trainer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "duel/autograd/detect_anomaly.h"
#include "duel/gan/media/png.h"
#include "duel/gan/pictures.h"

namespace duel::app {
namespace {

constexpr std::int64_t kMaxColumns = 10, kRows = 8;  // of a grid of samples

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

Trainer::Trainer(const TrainOptions& options, Anomalies anomalies)
    : session_(options),
      labels_(column_labels(std::clamp<std::int64_t>(session_.game.latents().classes, 1, kMaxColumns), kRows)),
      z_(session_.streams.split().normal({labels_.size(0), session_.game.latents().shape[0]})),
      anomalies_(anomalies),
      total_steps_(steps_to_train(options, session_.batches)) {}

AdversarialGame::Losses Trainer::make_step() {
  std::optional<DetectAnomaly> detect;
  if (anomalies_ == Anomalies::detect) detect.emplace();
  return session_.game.step(session_.batches);
}

Trainer::End Trainer::train(const RunDirectory& run, const InterruptGuard& interrupt) {
  const TrainOptions& o = session_.options;
  MetricsLog metrics(run.metrics(), step());
  Progress progress(total_steps_, o.batch_size * o.game.d_steps);
  while (step() < total_steps_) {
    const AdversarialGame::Losses losses = make_step();
    progress.update(step(), losses);
    const bool last = step() == total_steps_, stop = interrupt.requested();
    const auto due = [&](std::int64_t interval) { return last || step() % interval == 0; };
    // The checkpoint comes last: what it says was done is there.
    if (due(o.log_every)) log(metrics, losses, progress.images_per_second());
    if (due(o.sample_every)) sample(run);
    if (stop || due(o.checkpoint_every)) save(run);
    if (last || stop) progress.finish();
    if (stop && !last) return End::interrupted;
  }
  if (!std::filesystem::exists(run.samples(step()))) sample(run);  // a run that had nothing left to do
  return End::complete;
}

void Trainer::log(MetricsLog& metrics, const AdversarialGame::Losses& losses, double images_per_second) const {
  const Batches::Position position = session_.batches.position();
  const double epoch = static_cast<double>(position.epoch) +
                       static_cast<double>(position.index) / static_cast<double>(session_.batches.per_epoch());
  Json line = {
      {"step", step()},        {"epoch", epoch},       {"d_loss", losses.discriminator}, {"g_loss", losses.generator},
      {"d_real", losses.real}, {"d_fake", losses.fake}};
  for (const auto& [term, value] : losses.terms) line[term] = value;
  line["images_per_second"] = to_tenths(images_per_second);
  metrics.write(line);
}

void Trainer::sample(const RunDirectory& run) {
  write_png(run.samples(step()), picture_grid(to_uint8(session_.game.sample(z_, labels_)), labels_.size(0) / kRows));
}

void Trainer::save(const RunDirectory& run) {
  const auto write = [&](const std::filesystem::path& file) {
    write_checkpoint(file, session_.options, session_.game, session_.batches);
  };
  write(run.latest_checkpoint());
  if (session_.options.keep_checkpoints > 0) write(run.numbered_checkpoint(step()));
  run.prune_checkpoints(step(), session_.options.keep_checkpoints);
}

}  // namespace duel::app
