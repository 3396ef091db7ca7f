// The logger diary, the snapshot mean and the criterion shade.
#include <duel/nn/append_file.h>

#include <cmath>

#include "parts.h"

namespace example {
namespace {

using namespace duel;

// A line of text for everything that is worth one.
class Diary final : public Logger {
 public:
  Diary(const LoggerSetup& setup, std::string file) : file_(setup.run / file) {
    file_.append(setup.step == 0 ? "begun\n" : cat("went on after step ", setup.step, "\n"));
  }
  void numbers(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) override {
    std::string line = cat("step ", step, ":");
    for (const auto& [name, value] : values) line += cat(" ", name, " ", value);
    file_.append(line + "\n");
  }
  void picture(std::int64_t step, const std::string& name, const Tensor& picture) override {
    file_.append(cat("step ", step, ": a picture ", name, " ", picture.shape(), "\n"));
  }
  void warning(std::int64_t, const std::string& text) override { file_.append("careful: " + text + "\n"); }
  void finish(const std::string& status) override { file_.append(status + "\n"); }

 private:
  AppendFile file_;
};

// `count` pictures [N, C, H, W] of a game's generator, which makes them of N(0, 1).
Tensor draw(Game& game, Rng draws, std::int64_t count) {
  const NoGrad no_grad;
  Network& generator = *game.networks().at(0).second;
  const NetworkInput& input = generator.input();
  check(input.shape.dim() == 1, "draw", "this game makes no pictures of noise");
  const Tensor labels = input.classes > 0 ? draws.integers({count}, input.classes) : Tensor();
  return generator(draws.normal({count, input.shape[0]}), labels, {.mode = Mode::eval}).value();
}

double mean_of(const Tensor& pictures) {
  const NoGrad no_grad;
  return mean(Variable(pictures)).item();
}

}  // namespace

void register_watching(Registry& registry) {
  registry.loggers.add({.name = "diary",
                        .help = "a text file in the run's folder",
                        .parameters = {{"file", "its name", "diary.txt"}},
                        .make = [](const LoggerSetup& setup, const Parameters& p) {
                          return std::make_unique<Diary>(setup, p.get<std::string>("file"));
                        }});
  registry.snapshots.add({.name = "mean",
                          .help = "the mean of many generated pictures",
                          .parameters = {{"count", "how many", 64, 1, 4096}},
                          .make = [](const Parameters& p) -> Snapshot {
                            return [count = p.get<std::int64_t>("count")](Game& game, const DataLoader&, Rng draws) {
                              const NoGrad no_grad;
                              const Variable pictures = draw(game, draws, count);
                              const Shape s = pictures.shape();
                              return to_uint8(reshape(mean(pictures, {0}), {s[1], s[2], s[3]}).value());
                            };
                          }});
  registry.criteria.add({.name = "shade",
                         .help = "how much lighter or darker generated pictures are than real ones",
                         .parameters = {{"count", "pictures of either", 64, 1, 4096}},
                         .make = [](const Parameters& p) -> Criterion {
                           return [count = p.get<std::int64_t>("count")](Game& game, const DataLoader& data,
                                                                         Rng draws) {
                             return std::abs(mean_of(draw(game, draws, count)) - mean_of(data.spread(count).pictures));
                           };
                         }});
}

}  // namespace example
