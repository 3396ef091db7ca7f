#include "apps/duel/trainer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <optional>

#include <fmt/format.h>

#include "duel/autograd/detect_anomaly.h"
#include "duel/gan/media/png.h"
#include "duel/tensor/allocator.h"

namespace duel::app {
namespace {

constexpr std::int64_t kLookedAt = 100;  // steps that DivergenceWatch looks at together

std::int64_t steps_to_train(const TrainOptions& o, const DataLoader& data, const Game& game) {
  if (o.steps > 0) return o.steps;
  const std::int64_t batches = o.epochs * data.per_epoch();
  std::int64_t enough = 0;
  while (game.batches_until(enough) < batches) enough = 2 * enough + 1;
  for (std::int64_t too_few = enough / 2; too_few + 1 < enough;) {
    const std::int64_t middle = too_few + (enough - too_few) / 2;
    (game.batches_until(middle) < batches ? too_few : enough) = middle;
  }
  return enough;
}

double to_tenths(double x) { return std::round(x * 10) / 10; }
double to_thousandths(double x) { return std::round(x * 1000) / 1000; }

void print_warning(const std::string& text) {
  fmt::print(stderr, "duel train: {}\n", text);
  std::fflush(stderr);
}

// Says the first few of many lines, and in the end how many more there were.
class Few {
 public:
  ~Few() {
    if (count_ > kShown)
      print_warning(fmt::format("{} more files are left out; duel data check lists all", count_ - kShown));
  }
  void operator()(const std::string& text) {
    if (++count_ <= kShown) print_warning(text);
  }

 private:
  static constexpr std::int64_t kShown = 3;
  std::int64_t count_ = 0;
};

// What lies there without a batch stays; the rest goes with the batch.
std::string batch_that_fits(const OutOfMemory::Bytes& bytes, std::size_t fixed, std::int64_t batch) {
  if (bytes.total <= fixed || bytes.live + bytes.wanted <= fixed) return "";
  const double share =
      static_cast<double>(bytes.total - fixed) / static_cast<double>(bytes.live + bytes.wanted - fixed);
  const auto fits = std::min(batch - 1, static_cast<std::int64_t>(0.9 * share * static_cast<double>(batch)));
  if (fits < 1) return "; not even one picture fits: take a smaller network";
  return fmt::format("; try --batch-size {} or less, with --accumulations to make up for it", fits);
}

Session make_session(const TrainOptions& options) {
  Few few;
  return Session(options, std::ref(few));
}

}  // namespace

Trainer::Trainer(const TrainOptions& options, Anomalies anomalies)
    : session_(make_session(options)),
      device_(session_.game->place().device),
      anomalies_(anomalies),
      total_steps_(steps_to_train(options, session_.data, *session_.game)) {
  fixed_bytes_ = memory_stats(device_).live;
  Rng draws = session_.streams.split();
  session_.game->prepare_snapshot(draws, session_.data);
  for (const std::string& name : options.snapshots) {
    const auto& part = find_part(parts().snapshots, name, "--snapshots");
    snapshots_.emplace_back(name, make_part(parts().snapshots, part, options.settings));
  }
  RunLog::check_loggers(options);
}

Numbers Trainer::make_step() {
  std::optional<DetectAnomaly> detect;
  if (anomalies_ == Anomalies::detect) detect.emplace();
  session_.rates.set(step(), session_.data.position().epoch);
  if ((step() + 1) % session_.options.sample_every == 0)
    for (Player* player : session_.game->players()) player->watch_gradients();
  const TrainOptions& o = session_.options;
  const std::int64_t next = step() + 1;
  bool shown = next == total_steps_;
  for (const std::int64_t every : {o.log_every, o.sample_every, o.checkpoint_every, o.best_every, kLookedAt})
    shown = shown || next % every == 0;
  const Telling telling = shown || is_looked_at(next) ? Telling::numbers : Telling::nothing;
  Numbers numbers;
  try {
    numbers = session_.game->step(session_.data, telling);
  } catch (const OutOfMemory& e) {
    throw Error(e.what() + batch_that_fits(e.bytes(), fixed_bytes_, o.data.batch_size));
  }
  if (is_looked_at(step())) session_.rates.observe(numbers, session_.data.position().epoch);
  return numbers;
}

bool Trainer::is_looked_at(std::int64_t step) const {
  return device_ == Device::cpu || step % session_.options.tell_every == 0;
}

Trainer::End Trainer::train(const RunDirectory& run, const InterruptGuard& interrupt) {
  const TrainOptions& o = session_.options;
  log_.emplace(run, o, step());
  Progress progress(total_steps_, o.data.batch_size * session_.game->batches_per_step());
  try {
    while (step() < total_steps_) {
      Findings findings;
      try {
        const Numbers numbers = make_step();
        progress.update(step(), numbers);
        findings = follow_up(run, numbers, progress);
      } catch (const NotFinite& e) {
        if (o.watch != WatchAction::roll_back) throw;
        findings.push_back({FindingKind::not_finite, step(), e.what()});
      }
      report_data(progress);
      report_capture(progress);
      if (o.watch != WatchAction::off && !findings.empty()) attend(run, findings, progress);
      const bool last = step() == total_steps_, stop = o.watch == WatchAction::stop && !findings.empty();
      if (last || stop || interrupt.requested()) {
        if (!is_due(o.checkpoint_every)) save(run);
        progress.finish();
        if (last) break;
        log_->finish(stop ? "stopped: " + findings[0].text : "interrupted");
        return stop ? End::stopped : End::interrupted;
      }
    }
    if (!std::filesystem::exists(run.samples(step()))) sample(run);  // a run that had nothing left to do
  } catch (const std::exception& e) {
    progress.finish();
    log_->finish(e.what());
    throw;
  }
  log_->finish("complete");
  return End::complete;
}

Trainer::Findings Trainer::follow_up(const RunDirectory& run, const Numbers& numbers, const Progress& progress) {
  const TrainOptions& o = session_.options;
  Findings findings;
  if (is_looked_at(step())) findings = session_.oversight.observe(step(), numbers);
  // The checkpoint comes last: what it says was done is there.
  if (is_due(o.log_every)) log(numbers, progress);
  if (step() % kLookedAt == 0) {
    if (const std::optional<double> diversity = session_.game->diversity())
      for (Finding& f : session_.oversight.observe_diversity(step(), *diversity)) findings.push_back(std::move(f));
  }
  if (step() % o.best_every == 0 && session_.is_best()) write_state(run.best_checkpoint());
  if (is_due(o.sample_every)) sample(run);
  if (is_due(o.checkpoint_every)) save(run);
  return findings;
}

void Trainer::attend(const RunDirectory& run, const Findings& findings, Progress& progress) {
  progress.finish();
  for (const Finding& finding : findings) {
    const std::string text = fmt::format("step {}: {}", finding.step, finding.text);
    print_warning(text);
    log_->warning(finding.step, text);
  }
  if (session_.options.watch == WatchAction::roll_back) roll_back(run, findings[0]);
}

// A checkpoint from some time before, where what went wrong had not begun yet.
void Trainer::roll_back(const RunDirectory& run, const Finding& finding) {
  const TrainOptions& o = session_.options;
  const std::int64_t rollbacks = session_.oversight.rollbacks() + 1;
  check(rollbacks <= o.most_rollbacks, "training", "went wrong again after ", o.most_rollbacks,
        " times of going back; the last time: ", finding.text);
  const std::vector<std::int64_t> steps = run.numbered_checkpoints();  // latest first
  check(!steps.empty(), "training",
        "there is no numbered checkpoint to go back to (--checkpoint-every, "
        "--keep-checkpoints); ",
        finding.text);
  const std::int64_t looked_at = kLookedAt * (device_ == Device::cpu ? 1 : o.tell_every);
  const auto before =
      std::find_if(steps.begin(), steps.end(), [&](std::int64_t s) { return s <= finding.step - looked_at; });
  const double lowered = session_.rates.lowered() * o.rollback_factor;
  Checkpoint checkpoint = read_checkpoint(run.numbered_checkpoint(before == steps.end() ? steps.back() : *before));
  checkpoint.other_data = OtherData::accept;  // the run may have gone on with them on purpose
  restore(checkpoint);
  session_.rates.set_lowered(lowered);
  session_.oversight.set_rollbacks(rollbacks);
  run.forget_after(step());
  log_.emplace(run, o, step());
  const std::string text = fmt::format(
      "went back to step {}; all learning rates are {:g} times what they were meant "
      "to be",
      step(), lowered);
  print_warning(text);
  log_->warning(step(), text);
  save(run);
}

// Once each: the run is only slower.
void Trainer::report_capture(Progress& progress) {
  for (const CapturedStep* step : session_.game->captured_steps()) {
    if (step->refusal().empty() || !refusals_.insert(step->refusal()).second) continue;
    progress.finish();
    const std::string text = "an update cannot be recorded, and is asked for anew each time: " + step->refusal();
    print_warning(text);
    log_->warning(this->step(), text);
  }
}

void Trainer::report_data(Progress& progress) {
  const DataLoader::Report report = session_.data.report();
  waited_ += report.waited;
  skipped_ += report.skipped;
  if (report.messages.empty()) return;
  progress.finish();
  for (const std::string& message : report.messages) {
    print_warning(message);
    log_->warning(step(), message);
  }
}

void Trainer::log(const Numbers& numbers, const Progress& progress) {
  const DataLoader::Position position = session_.data.position();
  const double epoch = static_cast<double>(position.epoch) +
                       static_cast<double>(position.index) / static_cast<double>(session_.data.per_epoch());
  Json line = {{"step", step()}, {"epoch", epoch}};
  for (const auto& [name, value] : numbers) line[name] = value;
  for (const auto& [name, rate] : session_.rates.rates()) line[name] = rate;
  line["images_per_second"] = to_tenths(progress.images_per_second());
  const double now = progress.seconds(), since = now - std::exchange(waited_from_, now);
  line["data_wait"] = since > 0 ? to_thousandths(std::exchange(waited_, 0) / since) : 0.0;
  if (skipped_ > 0) line["skipped"] = skipped_;
  log_->metrics(line);
}

void Trainer::sample(const RunDirectory& run) {
  Game& game = *session_.game;
  const Tensor grid = game.snapshot();
  write_png(run.samples(step()), grid);
  log_->samples(step(), run.samples(step()), grid);
  for (const auto& [name, draw] : snapshots_) {
    const Tensor picture = draw(game, session_.data, Rng(session_.options.seed));
    write_png(run.snapshot(step(), name), picture);
    log_->snapshot(step(), name, run.snapshot(step(), name), picture);
  }
  log_->layers(step(), game);
  for (const auto& [name, values] : game.distributions()) {
    const std::vector<float> all = values.to(DType::float32).to_vector<float>();
    log_->histogram(step(), name, all);
  }
}

void Trainer::write_state(const std::filesystem::path& file) {
  write_checkpoint(file, session_.options, session_.trained());
}

void Trainer::save(const RunDirectory& run) {
  write_state(run.latest_checkpoint());
  if (session_.options.keep_checkpoints > 0) write_state(run.numbered_checkpoint(step()));
  run.prune_checkpoints(step(), session_.options.keep_checkpoints);
}

}  // namespace duel::app
