// duel train: starts a run, or goes on with one.
#include <unistd.h>

#include <iostream>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/commands/option_flags.h"
#include "apps/duel/trainer.h"
#include "duel/nn/atomic_file.h"
#include "duel/tensor/devices.h"
#include "duel/tensor/exact_convolutions.h"
#include "duel/tensor/thread_pool.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

enum class Start : std::uint8_t { fresh, restore, remove };  // remove what is there, that is

struct TrainLine {
  std::string program;  // as the user called it
  std::string run, from_checkpoint;
  bool restore = false, remove = false, detect_anomaly = false, other_data = false;
  std::shared_ptr<OptionWords> words = std::make_shared<OptionWords>();
};

// The path as one word of a shell's command line.
std::string quoted(const std::string& path) {
  const bool plain =
      path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:,@%") ==
      std::string::npos;
  if (plain) return path;
  std::string text = "'";
  for (const char c : path) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

// The program with a command, as one would call it again.
std::string called(const TrainLine& line, const char* command) {
  std::string text = fmt::format("{} {}", quoted(line.program), command);
  for (const fs::path& plugin : plugins()) text += " --plugin " + quoted(plugin.string());
  return text;
}

std::string restore_command(const TrainLine& line) {
  return fmt::format("{} --run {} --restore", called(line, "train"), quoted(line.run));
}

Start ask(const RunDirectory& run) {
  fmt::print("{} holds a run. [r]estore and go on, [d]elete and start anew, or [q]uit? ", run.folder().string());
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "r" || answer == "restore") return Start::restore;
  if (answer == "d" || answer == "delete") return Start::remove;
  throw UsageError("nothing was done");
}

// What to do with what is in the folder now.
Start choose(const TrainLine& line, const RunDirectory& run) {
  const std::string folder = run.folder().string();
  switch (run.content()) {
    case RunDirectory::Content::nothing:
      if (line.restore)
        throw UsageError(fmt::format("there is no run in {}; leave out --restore to start one", folder));
      return Start::fresh;
    case RunDirectory::Content::foreign:
      // A configuration with a mistake in it: reading it will say which.
      if (line.restore && fs::exists(run.config())) return Start::restore;
      throw UsageError(fmt::format("{} is not empty and has no config.json of a run; choose another folder", folder));
    case RunDirectory::Content::run: break;
  }
  if (line.restore) return Start::restore;
  if (line.remove || !run.has_checkpoint()) return Start::remove;  // nothing that one could go on from
  if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1) return ask(run);
  throw UsageError(fmt::format("{} holds a run: --restore goes on with it, --delete removes it first", folder));
}

TrainOptions resolve_line(const TrainLine& line, const RunDirectory& run, Start start) {
  std::vector<Layer> layers = option_layers(*line.words);
  TrainOptions before;
  if (start == Start::restore) {
    layers.insert(layers.begin(), read_json_layer(run.config().string()));
    try {
      before = resolve({layers[0]});
    } catch (const UsageError& e) {
      throw UsageError(cat(e.what(), kPluginHint));
    }
  }
  const TrainOptions options = resolve(layers);
  if (start == Start::restore) refuse_changes(before, options, {Scope::numbers, Scope::origin});
  if (options.steps == 0 && options.epochs == 0)
    throw UsageError("how long to train? Give --steps, --epochs or a --preset");
  return options;
}

// The checkpoint, or an error that says which other one would do.
Checkpoint read_or_suggest(const fs::path& file, const TrainLine& line, const RunDirectory& run) {
  try {
    return read_checkpoint(file);
  } catch (const Error& e) {
    for (const std::int64_t step : run.numbered_checkpoints()) {
      const fs::path other = run.numbered_checkpoint(step);
      if (other == file) continue;
      try {
        static_cast<void>(read_checkpoint(other));
      } catch (const Error&) {
        continue;
      }
      throw Error(fmt::format("{}. The newest good checkpoint is {}: go on from it with {} --from-checkpoint {}",
                              e.what(), other.string(), restore_command(line), quoted(other.string())));
    }
    throw Error(fmt::format("{}. There is no other good checkpoint; --delete starts anew", e.what()));
  }
}

void restore(Trainer& trainer, const TrainLine& line, const RunDirectory& run, const TrainOptions& options) {
  const fs::path file = line.from_checkpoint.empty() ? run.latest_checkpoint() : fs::path(line.from_checkpoint);
  if (line.from_checkpoint.empty() && !fs::exists(file) && run.numbered_checkpoints().empty()) {
    fmt::print("{} has no checkpoint yet: starting from the beginning\n", run.folder().string());
    return;
  }
  Checkpoint checkpoint = read_or_suggest(file, line, run);
  if (line.other_data) checkpoint.other_data = OtherData::accept;
  refuse_changes(checkpoint.options, options, {Scope::numbers});
  trainer.restore(checkpoint);
  if (trainer.step() < trainer.total_steps())
    fmt::print("going on after step {}\n", trainer.step());
  else
    fmt::print("nothing to do: step {} was the last; more --steps would go on\n", trainer.step());
}

void print_end(Trainer::End end, const Trainer& trainer, const TrainLine& line, const RunDirectory& run,
               GameKind game) {
  if (end == Trainer::End::interrupted) {
    fmt::print("stopped after step {} of {} and saved. To go on:\n  {}\n", trainer.step(), trainer.total_steps(),
               restore_command(line));
    return;
  }
  if (end == Trainer::End::stopped) {
    fmt::print("stopped after step {} of {} for what was seen, and saved. To go on all the same:\n  {} --watch warn\n",
               trainer.step(), trainer.total_steps(), restore_command(line));
    return;
  }
  fmt::print("{} steps done. Look at\n", trainer.step());
  if (fs::exists(run.page())) fmt::print("  page        {}\n", run.page().string());
  fmt::print("  pictures    {}\n  metrics     {}\n  checkpoint  {}\n", run.samples(trainer.step()).string(),
             run.metrics().string(), run.latest_checkpoint().string());
  const bool of_noise = game != GameKind::translate && game != GameKind::cycle;
  fmt::print("and {} with\n  {} --run {} {}\n", of_noise ? "draw more" : "turn pictures",
             called(line, of_noise ? "sample" : "translate"), quoted(line.run),
             of_noise ? "--num-samples 100" : "IN OUT");
}

int train(TrainLine line) {
  if (line.restore && line.remove) throw UsageError("--restore and --delete exclude each other");
  if (!line.from_checkpoint.empty() && !line.restore) throw UsageError("--from-checkpoint needs --restore");
  if (line.other_data && !line.restore) throw UsageError("--other-data needs --restore");
  if (line.run.empty()) line.run = default_run(resolve(option_layers(*line.words)));
  RunDirectory run(line.run);
  const Start start = choose(line, run);
  if (start != Start::fresh) run.acquire();  // before it is read: nobody may be changing it
  const TrainOptions options = resolve_line(line, run, start);
  const Device device = device_named(options.device);
  if (options.threads > 0) set_num_threads(static_cast<int>(options.threads));
  std::optional<ExactConvolutions> exact;
  if (options.exact_conv) exact.emplace();
  use_precision(options);
  fmt::print("computing on {}\n", backend(device).describe());

  // Everything that can be wrong with the options or the data shows here, before anything is removed or written.
  Trainer trainer(options, line.detect_anomaly ? Anomalies::detect : Anomalies::pass);
  run.acquire();
  if (start == Start::fresh && run.content() != RunDirectory::Content::nothing)
    throw UsageError(fmt::format("another process has started a run in {}", line.run));
  if (start == Start::remove) run.remove_run();
  if (start == Start::restore) restore(trainer, line, run, options);
  run.prepare();
  atomic_write(run.config(), to_json(options).dump(2) + "\n");

  const InterruptGuard interrupt;
  const Trainer::End end = trainer.train(run, interrupt);
  print_end(end, trainer, line, run, options.game_kind);
  return end == Trainer::End::complete ? 0 : end == Trainer::End::interrupted ? 130 : 1;
}

}  // namespace

Command train_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("train", "train a generator and a discriminator");
  const auto line = std::make_shared<TrainLine>();
  app->allow_extras();
  app->footer(
      "The preset overrides the defaults, the JSON file the preset, the command line all; duel config shows what comes "
      "of\n"
      "it. A folder that holds a run already is left alone without --restore or --delete.");
  app->add_option("--run", line->run,
                  "folder of the run: configuration, metrics, samples, checkpoints; default: runs/NAME-HASH, see duel "
                  "config --hash")
      ->type_name("FOLDER");
  app->add_flag("--restore", line->restore, "go on with the run where its last checkpoint was made");
  app->add_flag("--delete", line->remove, "remove the run that is there, and start anew");
  app->add_option("--from-checkpoint", line->from_checkpoint, "with --restore: this checkpoint instead of the latest")
      ->type_name("FILE");
  app->add_flag("--other-data", line->other_data,
                "with --restore: go on although the data are not those that the checkpoint was made with");
  app->add_flag("--detect-anomaly", line->detect_anomaly,
                "stop at the first operation, forward or backward, that gives NaN or infinity, and say which and where "
                "it was called; up to twice as slow");
  add_option_flags(*app, line->words);
  return {app, [line, &program] {
            line->program = program.get_name();
            return train(*line);
          }};
}

}  // namespace duel::app
