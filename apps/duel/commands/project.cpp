// duel project: the latent whose picture comes nearest to a given one, by gradient descent.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/generator_source.h"
#include "apps/duel/output_file.h"
#include "duel/autograd/ops.h"
#include "duel/autograd/pool.h"
#include "duel/gan/data/transform.h"
#include "duel/gan/games/show.h"
#include "duel/gan/media/npz.h"
#include "duel/gan/media/picture.h"
#include "duel/gan/media/png.h"
#include "duel/gan/pictures.h"
#include "duel/nn/optim.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kShown = 6;  // pictures of the progress

struct ProjectLine {
  GeneratorLine from;
  std::string in, out, label, latent;
  std::int64_t steps = 300, starts = 10, downscale = 4;
  double lr = 0.05, downscale_weight = 1;
  std::uint64_t seed = 0;
};

// What the optimiser may change.
struct Latents {
  Variable z;  // [starts, latent]
  void visit(Visitor& v) { v.parameter("z", z); }
};

struct Shot {
  std::int64_t step;
  Tensor pictures;  // uint8 [starts, C, H, W]
};

struct Projection {
  std::vector<double> errors;  // of each start, mean squares
  std::vector<Shot> shots;
  Tensor z;  // on the CPU
};

void check_numbers(const ProjectLine& line) {
  check_range("--steps", line.steps, 1, 1000000);
  check_range("--starts", line.starts, 1, 1000);
  check_range("--downscale", line.downscale, 1, 1024);
  check_range("--downscale-weight", line.downscale_weight, 0, 1e6);
  check_range("--lr", line.lr, 1e-9, 1e3);
}

// The largest centred part of the picture with the network's proportions, in its size: float32 [1, C, H, W], [-1, 1].
Tensor target_of(const std::string& file, const Shape& picture) {
  if (picture[0] != 1 && picture[0] != 3)
    throw UsageError(fmt::format("the network's pictures have {} channels, which no picture file has", picture[0]));
  Rng none(0);
  const Example fitted =
      transform({.channels = picture[0], .preprocess = Preprocess::center_crop, .load_size = {picture[1], picture[2]}},
                {.picture = read_picture(file)}, none);
  const Variable x = Variable(fitted.picture.to(DType::float32).row_major());
  return unsqueeze(x / 127.5 - 1, 0).value();
}

// Of each start: [starts].
Variable mean_squares(const Variable& pictures, const Variable& target) {
  return mean(square(pictures - target), {1, 2, 3});
}

Variable loss_of(const Variable& pictures, const Variable& target, const ProjectLine& line) {
  Variable loss = sum(mean_squares(pictures, target));
  if (line.downscale == 1 || line.downscale_weight == 0) return loss;
  const auto fewer = [&](int side) { return std::max<std::int64_t>(1, target.size(side) / line.downscale); };
  const Size2 small{fewer(2), fewer(3)};
  return loss + line.downscale_weight *
                    sum(mean_squares(adaptive_avg_pool2d(pictures, small), adaptive_avg_pool2d(target, small)));
}

// `target` and `labels` lie on the generator's device.
Projection projected(Generator& generator, const Tensor& target, const Tensor& labels, const ProjectLine& line) {
  Rng draws = Rng(line.seed).split();  // not the noise that sample draws
  Latents latents{Variable::leaf(generator.draw_latents(draws, line.starts).to(generator.device()))};
  Adam optimizer(latents, {.lr = line.lr});
  Projection result;
  const std::int64_t shown = std::min(kShown - 1, line.steps);
  for (std::int64_t step = 0;; ++step) {
    const Variable pictures = generator(latents.z, labels);
    const auto due = static_cast<std::int64_t>(result.shots.size()) * line.steps / shown;
    if (step >= due) result.shots.push_back({step, to_uint8(pictures.value())});
    if (step == line.steps) {
      result.errors = mean_squares(pictures, target).value().to(DType::float64).to_vector<double>();
      break;
    }
    optimizer.step(gradients(loss_of(pictures, target, line), optimizer));
  }
  result.z = latents.z.value().to(Device::cpu);
  return result;
}

int project(const ProjectLine& line) {
  check_line(line.from);
  check_numbers(line);
  const fs::path out = !line.out.empty() ? fs::path(line.out) : fs::path(line.from.run) / "projection.png";
  if (fs::exists(out) && fs::equivalent(out, line.in))
    throw UsageError(fmt::format("{} would be overwritten: give another --out", line.in));
  check_output("--out", out, FileKind::png);
  if (!line.latent.empty()) check_output("--latent", line.latent, FileKind::npz);
  Generator generator(line.from);
  std::optional<std::int64_t> only;
  if (!line.label.empty()) only = generator.find_class(line.label, "--class");
  const Tensor labels = labels_in_turn(line.starts, generator.classes(), only);
  const Tensor target = target_of(line.in, generator.picture());
  const Projection p = in_memory("fewer --starts", [&] {
    return projected(generator, target.to(generator.device()), labels.to(generator.device()), line);
  });
  const auto best = std::min_element(p.errors.begin(), p.errors.end()) - p.errors.begin();

  std::vector<Tensor> columns{target, p.shots.back().pictures.slice(0, best, best + 1)};
  for (const Shot& shot : p.shots) columns.push_back(shot.pictures.slice(0, best, best + 1));
  if (out.has_parent_path()) make_folder("project", out.parent_path());
  write_png(out, side_by_side(columns));
  const Tensor z = p.z.slice(0, best, best + 1), label = labels.slice(0, best, best + 1);
  if (!line.latent.empty()) write_npz(line.latent, {{"z", z}, {"labels", label}});

  const std::vector<float> values = z.to_vector<float>();
  double squares = 0;
  for (const float v : values) squares += double{v} * v;
  const double error = p.errors[static_cast<std::size_t>(best)];
  const double worst = *std::max_element(p.errors.begin(), p.errors.end());
  const auto class_text =
      generator.classes() > 1 ? fmt::format(" of class {}", static_cast<std::int64_t>(label.item())) : std::string();
  fmt::print("{}: the picture, what comes nearest{}, and the way there in {} steps of {}\n", out.string(), class_text,
             line.steps, generator.name());
  fmt::print("mean squared error {:.6f} ({:.2f} grey levels); of {} starts the worst: {:.6f}\n", error,
             127.5 * std::sqrt(error), line.starts, worst);
  fmt::print("root mean square of its latent: {:.2f} (1 is usual)\n",
             std::sqrt(squares / static_cast<double>(values.size())));
  return 0;
}

}  // namespace

Command project_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("project", "find the latent whose picture comes nearest to a given one");
  const auto line = std::make_shared<ProjectLine>();
  app->allow_extras();
  app->add_option("in", line->in, "a picture of any format and size")->required()->type_name("FILE");
  add_options(*app, line->from);
  add_network_option(*app, line->from);
  const auto number = [&](const char* option, auto& value, const char* help) {
    app->add_option(option, value, help)->capture_default_str()->type_name("N");
  };
  number("--steps", line->steps, "of Adam");
  number("--lr", line->lr, "its learning rate");
  number("--starts", line->starts, "latents that set out; the nearest one is shown");
  app->add_option("--class", line->label, "number or name of the class of all starts; default: all in turn")
      ->type_name("CLASS");
  number("--downscale", line->downscale, "compare also pictures that are this many times smaller a side; 1: don't");
  number("--downscale-weight", line->downscale_weight, "of that comparison");
  number("--seed", line->seed, "of the starts");
  app->add_option("--out", line->out,
                  "the picture, the result and its progress in a row; default: projection.png in the run's folder, or "
                  "here")
      ->type_name("FILE.png");
  app->add_option("--latent", line->latent, "write the latent as an archive for numpy: z and labels")
      ->type_name("FILE.npz");
  return {app, [line] { return project(*line); }};
}

}  // namespace duel::app
