#include "apps/duel/run_log.h"

#include <algorithm>
#include <cmath>

#include "apps/duel/describe_options.h"
#include "apps/duel/inspect/singular_values.h"
#include "duel/autograd/ops.h"
#include "duel/nn/atomic_file.h"

namespace duel::app {
namespace {

constexpr std::int64_t kMostForSpectrum = 512;  // rows or columns: larger Gram matrices take too long to look at often

bool has(const TrainOptions& o, std::string_view logger) {
  return std::find(o.loggers.begin(), o.loggers.end(), logger) != o.loggers.end();
}

double norm_of(const Tensor& t) {
  const NoGrad no_grad;
  return std::sqrt(sum(square(Variable(t))).item());
}

std::optional<double> largest_singular_value(const Tensor& weight) {
  if (weight.dim() < 2 || std::min(weight.size(0), weight.numel() / weight.size(0)) > kMostForSpectrum) return {};
  const Spectrum spectrum = singular_values(weight, 1);
  return spectrum.largest.empty() ? std::optional<double>() : spectrum.largest[0];
}

}  // namespace

void RunLog::check_loggers(const TrainOptions& o) {
  const std::vector<std::string> own = logger_names();
  for (const std::string& name : o.loggers)
    if (std::find(own.begin(), own.end(), name) == own.end())
      static_cast<void>(find_part(parts().loggers, name, "--loggers", own));
}

RunLog::RunLog(const RunDirectory& run, const TrainOptions& o, std::int64_t step) : metrics_(run.metrics(), step) {
  check_loggers(o);
  for (const std::string& name : o.loggers) {
    const auto* part = parts().loggers.find(name);
    const LoggerSetup setup{run.folder(), step, to_json(o).dump()};
    if (part) more_.push_back(make_part(parts().loggers, *part, o.settings, setup));
  }
  if (has(o, "csv")) csv_.emplace(run.folder() / "metrics.csv", run.metrics());
  if (has(o, "html")) report_.emplace(run.folder(), step);
  if (has(o, "tensorboard")) tensorboard_.emplace(run.events(), step);
  if (report_ && step == 0) report_->config(to_json(o));
  if (tensorboard_ && step == 0) tensorboard_->text("config", 0, "```json\n" + to_json(o).dump(2) + "\n```");
}

void RunLog::metrics(const Json& line) {
  metrics_.write(line);
  if (csv_) csv_->write(line);
  if (report_) report_->metrics(line);
  const auto step = line.at("step").get<std::int64_t>();
  std::vector<std::pair<std::string, double>> numbers;
  for (const auto& [name, value] : line.items())
    if (name != "step" && value.is_number()) numbers.emplace_back(name, value.get<double>());
  if (tensorboard_)
    for (const auto& [name, value] : numbers) tensorboard_->scalar("training/" + name, step, value);
  for (const auto& logger : more_) logger->numbers(step, numbers);
}

void RunLog::samples(std::int64_t step, const std::filesystem::path& png, const Tensor& grid) {
  if (report_) report_->samples(step, "samples/" + png.filename().string());
  snapshot(step, "samples", png, grid);
}

void RunLog::snapshot(std::int64_t step, const std::string& name, const std::filesystem::path& png,
                      const Tensor& picture) {
  if (tensorboard_) {
    const std::string bytes = read_file("read samples", png);
    tensorboard_->image(name, step, {picture.size(1), picture.size(2), picture.size(0), bytes});
  }
  for (const auto& logger : more_) logger->picture(step, name, picture);
}

void RunLog::layers(std::int64_t step, Game& game) {
  if (!report_ && !tensorboard_) return;
  std::vector<LayerRecord> records;
  for (Player* player : game.players()) {
    const Optimizer& optimizer = player->optimizer();
    for (const auto& [name, gradient] : player->gradient_norms()) {
      const auto at = std::find(optimizer.names().begin(), optimizer.names().end(), name);
      const Tensor weight = optimizer.parameters()[static_cast<std::size_t>(at - optimizer.names().begin())].value();
      if (weight.dim() < 2) continue;
      records.push_back({player->name(), name, gradient, norm_of(weight), largest_singular_value(weight)});
      if (!tensorboard_) continue;
      tensorboard_->scalar("gradient_norm/" + player->name() + "." + name, step, gradient);
      if (records.back().singular_value)
        tensorboard_->scalar("singular_value/" + player->name() + "." + name, step, *records.back().singular_value);
    }
  }
  if (report_ && !records.empty()) report_->layers(step, records);
}

void RunLog::histogram(std::int64_t step, const std::string& name, std::span<const float> values) {
  if (report_) report_->histogram(step, name, values);
  if (tensorboard_) tensorboard_->histogram(name, step, values);
  for (const auto& logger : more_) logger->histogram(step, name, values);
}

void RunLog::warning(std::int64_t step, const std::string& text) {
  if (report_) report_->warning(step, text);
  if (tensorboard_) tensorboard_->text("warnings", step, text);
  for (const auto& logger : more_) logger->warning(step, text);
}

void RunLog::finish(const std::string& status) {
  if (report_) report_->finish(status);
  for (const auto& logger : more_) logger->finish(status);
}

}  // namespace duel::app
