#include "apps/duel/trainer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "duel/autograd/detect_anomaly.h"
#include "duel/gan/media/png.h"

namespace duel::app {
namespace {

std::int64_t steps_to_train(const TrainOptions& o, const DataLoader& data, const Game& game) {
  if (o.steps > 0) return o.steps;
  const std::int64_t batches = o.epochs * data.per_epoch(), per_step = game.batches_per_step();
  return (batches + per_step - 1) / per_step;
}

double to_tenths(double x) { return std::round(x * 10) / 10; }
double to_thousandths(double x) { return std::round(x * 1000) / 1000; }

void print_warning(const std::string& text) {
  fmt::print(stderr, "duel train: {}\n", text);
  std::fflush(stderr);
}

}  // namespace

Trainer::Trainer(const TrainOptions& options, Anomalies anomalies)
    : session_(options, print_warning),
      anomalies_(anomalies),
      total_steps_(steps_to_train(options, session_.data, *session_.game)) {
  Rng draws = session_.streams.split();
  session_.game->prepare_snapshot(draws, session_.data);
}

Numbers Trainer::make_step() {
  std::optional<DetectAnomaly> detect;
  if (anomalies_ == Anomalies::detect) detect.emplace();
  session_.rates.set(step(), session_.data.position().epoch);
  Numbers numbers = session_.game->step(session_.data);
  session_.rates.observe(numbers, session_.data.position().epoch);
  return numbers;
}

Trainer::End Trainer::train(const RunDirectory& run, const InterruptGuard& interrupt) {
  const TrainOptions& o = session_.options;
  MetricsLog metrics(run.metrics(), step());
  Progress progress(total_steps_, o.data.batch_size * session_.game->batches_per_step());
  while (step() < total_steps_) {
    const Numbers numbers = make_step();
    progress.update(step(), numbers);
    report_data(progress);
    const bool last = step() == total_steps_, stop = interrupt.requested();
    const auto due = [&](std::int64_t interval) { return last || step() % interval == 0; };
    // The checkpoint comes last: what it says was done is there.
    if (due(o.log_every)) log(metrics, numbers, progress);
    if (due(o.sample_every)) sample(run);
    if (stop || due(o.checkpoint_every)) save(run);
    if (last || stop) progress.finish();
    if (stop && !last) return End::interrupted;
  }
  if (!std::filesystem::exists(run.samples(step()))) sample(run);  // a run that had nothing left to do
  return End::complete;
}

void Trainer::report_data(Progress& progress) {
  const DataLoader::Report report = session_.data.report();
  waited_ += report.waited;
  if (report.messages.empty()) return;
  progress.finish();
  for (const std::string& message : report.messages) print_warning(message);
}

void Trainer::log(MetricsLog& metrics, const Numbers& numbers, const Progress& progress) {
  const DataLoader::Position position = session_.data.position();
  const double epoch = static_cast<double>(position.epoch) +
                       static_cast<double>(position.index) / static_cast<double>(session_.data.per_epoch());
  Json line = {{"step", step()}, {"epoch", epoch}};
  for (const auto& [name, value] : numbers) line[name] = value;
  for (const auto& [name, rate] : session_.rates.rates()) line[name] = rate;
  line["images_per_second"] = to_tenths(progress.images_per_second());
  const double now = progress.seconds(), since = now - std::exchange(waited_from_, now);
  line["data_wait"] = since > 0 ? to_thousandths(std::exchange(waited_, 0) / since) : 0.0;
  metrics.write(line);
}

void Trainer::sample(const RunDirectory& run) { write_png(run.samples(step()), session_.game->snapshot()); }

void Trainer::save(const RunDirectory& run) {
  const auto write = [&](const std::filesystem::path& file) {
    write_checkpoint(file, session_.options, session_.trained());
  };
  write(run.latest_checkpoint());
  if (session_.options.keep_checkpoints > 0) write(run.numbered_checkpoint(step()));
  run.prune_checkpoints(step(), session_.options.keep_checkpoints);
}

}  // namespace duel::app
