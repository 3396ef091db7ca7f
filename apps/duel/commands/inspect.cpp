// duel inspect: one training step under the microscope.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/describe_options.h"
#include "apps/duel/inspect/page.h"
#include "apps/duel/run_directory.h"
#include "apps/duel/session.h"
#include "duel/nn/atomic_file.h"
#include "duel/tensor/exact_convolutions.h"
#include "duel/tensor/thread_pool.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kCheckedPictures = 4;  // of the gradient check, in float64

struct InspectLine {
  std::string run, out;
  std::optional<std::int64_t> step;
  Json given = Json::object();  // options of the training
};

TrainOptions resolve_line(const InspectLine& line) {
  if (line.run.empty() && !line.given.contains("preset"))
    throw UsageError("what to inspect? Give --preset NAME, or --run FOLDER");
  if (line.run.empty() && line.step) throw UsageError("--step chooses one of a run's checkpoints: it needs --run");
  std::vector<Layer> layers;
  if (!line.run.empty()) {
    const RunDirectory run(line.run);
    if (run.content() != RunDirectory::Content::run) throw UsageError(fmt::format("there is no run in {}", line.run));
    layers.push_back(read_json_layer(run.config().string()));
  }
  layers.push_back({line.given, ""});
  const TrainOptions options = resolve(layers);
  if (!line.run.empty()) refuse_changes(resolve({layers[0]}), options, {Scope::numbers, Scope::origin});
  return options;
}

fs::path checkpoint_file(const InspectLine& line) {
  const RunDirectory run(line.run);
  const std::vector<std::int64_t> steps = run.numbered_checkpoints();
  if (!line.step) {
    check(fs::exists(run.latest_checkpoint()), "inspect", line.run, " has no checkpoint yet: ", run.latest_checkpoint(),
          " is missing");
    return run.latest_checkpoint();
  }
  if (std::find(steps.begin(), steps.end(), *line.step) == steps.end())
    throw UsageError(fmt::format("{} has no checkpoint of step {}; it has {}", line.run, *line.step,
                                 steps.empty() ? "none by number" : fmt::format("{}", fmt::join(steps, ", "))));
  return run.numbered_checkpoint(*line.step);
}

bool is_ours(const fs::path& folder) {
  const fs::path file = folder / "inspect.json";
  if (!fs::is_regular_file(file)) return false;
  const Json json = Json::parse(read_file("inspect", file), nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.value("format", Json()) == kReportFormat;
}

// Makes the folder if need be; refuses one that holds something else.
void claim(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_directory(folder))
    throw UsageError(fmt::format("{} is not a folder; give another --out", folder.string()));
  fs::create_directories(folder, error);
  check(!error, "inspect", "the folder ", folder, " can't be made: ", error.message());
  const bool writable = ::access(folder.c_str(), W_OK | X_OK) == 0;
  check(writable, "inspect", "nothing can be written in ", folder, ": ", std::generic_category().message(errno));
  if (!fs::is_empty(folder) && !is_ours(folder))
    throw UsageError(fmt::format("{} holds other things; give another --out", folder.string()));
}

std::string describe_loss(const AdversarialGame::Options& o) {
  const RegulariserOptions& r = o.regularisers;
  if (r.r1_gamma == 0) return o.loss.name;
  const std::string due = r.r1_interval == 1 ? "" : fmt::format(", due every {} steps and shown here", r.r1_interval);
  return fmt::format("{} with R1 (gamma {}{})", o.loss.name, r.r1_gamma, due);
}

AdversarialRound first_pictures(const AdversarialRound& round, std::int64_t count) {
  const std::int64_t n = std::min(count, round.z.size(0));
  const auto first = [&](const Tensor& t) { return t.defined() ? t.slice(0, 0, n) : t; };
  return {first(round.real), first(round.labels), first(round.z), round.draws, round.epoch, {}};
}

NamedParameters prefixed(const std::string& prefix, NamedParameters parameters) {
  for (auto& [name, p] : parameters) name.insert(0, prefix);
  return parameters;
}

// Both losses at the same weights: nothing is updated in between.
Report inspect_step(Session& session) {
  auto& game = dynamic_cast<AdversarialGame&>(*session.game);
  Report report;
  report.preset = session.options.preset;
  report.step = game.steps();
  report.batch_size = session.options.data.batch_size;
  report.seed = session.options.seed;
  report.loss = describe_loss(game.options());
  report.device = backend(Device::cpu).describe();
  const AdversarialRound d = game.discriminator_round(session.data), g = game.generator_round(d);
  const auto d_loss = [&] { return discriminator_loss(game.options(), game.adversaries(), d, Penalty::with).loss; };
  const auto g_loss = [&] { return generator_loss(game.options(), game.adversaries(), g).loss; };
  const NamedParameters d_parameters = named_parameters(game.discriminator());
  report.losses.push_back(inspect_loss("discriminator", d_loss, d_parameters));
  report.losses.push_back(
      inspect_loss("generator", g_loss, named_parameters(game.generator()), prefixed("discriminator.", d_parameters)));
  if (!has_spectral_norm(game.options().generator) && !has_spectral_norm(game.options().discriminator)) {
    report.losses[0].checks = check_discriminator_loss(game, first_pictures(d, kCheckedPictures));
    report.losses[1].checks = check_generator_loss(game, first_pictures(g, kCheckedPictures));
  }
  for (LossReport& l : report.losses) l.checked_pictures = std::min(kCheckedPictures, report.batch_size);
  return report;
}

void write_report(const fs::path& folder, const Report& report) {
  atomic_write(folder / "inspect.json", to_json(report).dump(1) + "\n");  // first: it marks the folder as ours
  for (const LossReport& l : report.losses) {
    atomic_write(folder / (l.network + ".txt"), l.text);
    atomic_write(folder / (l.network + ".dot"), l.dot);
  }
  atomic_write(folder / "index.html", html_page(report));
}

void check_game(const InspectLine& line, const GameChoice& game) {
  if (game == GameKind::adversarial) return;
  const std::string page = line.run.empty() ? "index.html in its folder" : RunDirectory(line.run).page().string();
  throw UsageError(
      fmt::format("inspect shows the two losses of the game adversarial, and this game is {}. Histograms of scores, "
                  "gradient norms by layer and singular values of its training are on the run's own page: {}",
                  game.name(), page));
}

int inspect(const InspectLine& line) {
  TrainOptions options = resolve_line(line);
  check_game(line, options.game_kind);
  if (line.given.contains("device") && options.device == "cuda")
    throw UsageError("inspect computes on the CPU only; leave out --device");
  options.device = "cpu";
  std::optional<Checkpoint> checkpoint;
  if (!line.run.empty()) checkpoint = read_checkpoint(checkpoint_file(line));
  if (checkpoint && line.given.contains("data")) checkpoint->other_data = OtherData::accept;
  const fs::path folder = !line.out.empty()   ? fs::path(line.out)
                          : !line.run.empty() ? fs::path(line.run) / "inspect"
                                              : fs::path("inspect-" + options.preset);
  if (options.threads > 0) set_num_threads(static_cast<int>(options.threads));
  std::optional<ExactConvolutions> exact;
  if (options.exact_conv) exact.emplace();
  Session session(options);
  if (checkpoint) session.restore(*checkpoint);
  claim(folder);
  Report report = inspect_step(session);
  report.run = line.run;
  write_report(folder, report);
  fmt::print("{}\nLook at {}\n", summary(report), (folder / "index.html").string());
  return 0;
}

}  // namespace

Command inspect_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("inspect", "look at one training step: its graphs, gradients and weights");
  const auto line = std::make_shared<InspectLine>();
  app->allow_extras();
  app->footer(
      "Writes discriminator.txt and .dot, generator.txt and .dot, inspect.json, and index.html: a page that any "
      "browser\n"
      "shows, without a network. Nothing is trained, and the run stays as it is.");
  app->add_option("--run", line->run, "inspect this run, at its latest checkpoint")->type_name("FOLDER");
  app->add_option("--step", line->step, "with --run: at its checkpoint of this step")->type_name("N");
  app->add_option("--out", line->out,
                  "where to, replacing what was inspected there before; default: inspect in the run's folder, or\n"
                  "inspect-NAME here")
      ->type_name("FOLDER");
  TrainOptions defaults;
  describe(defaults, [&](const OptionInfo& info, const auto& value) {
    const std::string_view name = info.name;
    if (name != "preset" && name != "data" && name != "batch_size" && name != "seed" && name != "threads") return;
    app->add_option_function<std::string>(
           flag(name), [line, name, value](const std::string& word) { line->given[name] = parse_word(word, value); },
           fmt::format("{} ({})", info.help, expects(info, value)))
        ->type_name("");
  });
  return {app, [line] { return inspect(*line); }};
}

}  // namespace duel::app
