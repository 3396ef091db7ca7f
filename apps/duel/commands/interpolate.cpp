// duel interpolate: pictures on the way from one latent to another, from one class to another, or both.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/generator_source.h"
#include "apps/duel/output_file.h"
#include "duel/gan/class_mixer.h"
#include "duel/gan/media/animation.h"
#include "duel/gan/media/png.h"
#include "duel/gan/pictures.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

/// What differs between the two ends of a row.
enum class Vary : std::uint8_t { z, y, both };
constexpr auto names_of(Vary) {
  return std::array{Named{Vary::z, "z"}, Named{Vary::y, "y"}, Named{Vary::both, "both"}};
}

struct InterpolateLine {
  GeneratorLine from;
  NoiseLine noise;
  std::string vary = "z", path = "slerp", label, to_label, out, animation;
  std::int64_t rows = 16, steps = 8, batch_size = 64, frames_per_second = 10;
  std::uint64_t seed = 0;
};

struct Choices {
  Vary vary = Vary::z;
  Path path = Path::slerp;
  LatentOptions noise;
};

// Both ends of every row.
struct Ends {
  Tensor z0, z1;                     // [rows, latent]
  std::vector<std::int64_t> y0, y1;  // [rows]
};

Choices choices_of(const InterpolateLine& line) {
  check_range("--rows", line.rows, 1, 1000);
  check_range("--steps", line.steps, 0, 1000);
  check_range("--batch-size", line.batch_size, 1, 100000);
  check_range("--fps", line.frames_per_second, 1, 100);
  Choices c{.noise = latent_options(line.noise)};
  if (!set_from_text(c.vary, line.vary))
    throw UsageError(fmt::format("--vary must be {}, not '{}'", takes(c.vary), line.vary));
  if (!set_from_text(c.path, line.path))
    throw UsageError(fmt::format("--path must be {}, not '{}'", takes(c.path), line.path));
  if (!line.to_label.empty() && (line.label.empty() || c.vary == Vary::z))
    throw UsageError("--to-class is the class at the other end: it needs --class, and --vary y or both");
  return c;
}

fs::path sheet_of(const InterpolateLine& line) {
  return !line.out.empty() ? fs::path(line.out) : fs::path(line.from.run) / "interpolation.png";
}

// That both results can be written where they are to go.
void check_outputs(const InterpolateLine& line) {
  const fs::path sheet = sheet_of(line), animation = line.animation;
  if (sheet.extension() != ".png")
    throw UsageError(
        fmt::format("--out is the sheet, a PNG file: call it something.png, not {}; an animated GIF is "
                    "what --animation writes",
                    line.out));
  check_output("--out", sheet, FileKind::png);
  if (animation.empty()) return;
  const bool gif = animation.extension() == ".gif";
  if (!gif && animation.extension() != ".png" && animation.extension() != ".apng")
    throw UsageError(fmt::format("--animation writes animated PNG and GIF files: call it something.png or .gif, not {}",
                                 line.animation));
  if (fs::weakly_canonical(animation) == fs::weakly_canonical(sheet))
    throw UsageError(fmt::format("--animation: {} is the sheet's name; choose another", line.animation));
  check_output("--animation", animation, gif ? FileKind::gif : FileKind::png);
}

// Classes that the line leaves open are drawn, the two of a row different; of one class that stays, in turn.
Ends ends_of(const InterpolateLine& line, const Choices& c, Generator& generator) {
  Rng draws(line.seed);
  Ends ends;
  ends.z0 = generator.draw_latents(draws, line.rows, c.noise);
  ends.z1 = c.vary == Vary::y ? ends.z0 : generator.draw_latents(draws, line.rows, c.noise);
  const std::int64_t classes = generator.classes();
  std::optional<std::int64_t> from, to;
  if (!line.label.empty()) from = generator.find_class(line.label, "--class");
  if (!line.to_label.empty()) to = generator.find_class(line.to_label, "--to-class");
  if (c.vary == Vary::z) {
    ends.y0 = ends.y1 = labels_in_turn(line.rows, classes, from).to_vector<std::int64_t>();
    return ends;
  }
  if (classes < 2) throw UsageError("--vary y and both need a network of several classes; this one has none");
  for (std::int64_t i = 0; i < line.rows; ++i) {
    const std::int64_t first = from ? *from : draws.below(classes);
    ends.y0.push_back(first);
    ends.y1.push_back(to ? *to : (first + 1 + draws.below(classes - 1)) % classes);
  }
  return ends;
}

class Interpolation {
 public:
  Interpolation(const InterpolateLine& line, const Choices& choices, Generator& generator)
      : line_(line), choices_(choices), generator_(generator), ends_(ends_of(line, choices, generator)) {
    if (choices.vary == Vary::z) return;
    try {
      mixer_.emplace(generator.network("--vary"));
    } catch (const UsageError&) {
      throw;
    } catch (const Error& e) {
      throw UsageError(
          fmt::format("--vary {}: the classes of this network can't be mixed, only --vary z is possible "
                      "({})",
                      line.vary, e.what()));
    }
  }

  // What all rows show at share t of the way: uint8 [rows, C, H, W].
  Tensor at(double t) {
    const Tensor z = between(ends_.z0, ends_.z1, t, choices_.path);
    if (!mixer_) return generator_.draw(z, Tensor::from(ends_.y0, {line_.rows}), line_.batch_size);
    std::vector<ClassMixture> mixtures;
    for (std::size_t i = 0; i < ends_.y0.size(); ++i) mixtures.push_back({ends_.y0[i], ends_.y1[i], t});
    return to_uint8((*mixer_)(z, mixtures));
  }

 private:
  const InterpolateLine& line_;
  const Choices& choices_;
  Generator& generator_;
  Ends ends_;
  std::optional<ClassMixer> mixer_;
};

// There and back, so that it can be repeated: frames [2 columns - 2, C, GH, GW], each of all rows.
Tensor there_and_back(const std::vector<Tensor>& columns, std::int64_t rows) {
  const auto last = static_cast<std::int64_t>(columns.size()) - 1;
  std::int64_t side = 1;
  while (side * side < rows) ++side;
  Tensor frames;
  for (std::int64_t i = 0; i < 2 * last; ++i) {
    const Tensor frame = picture_grid(columns[static_cast<std::size_t>(std::min(i, 2 * last - i))], side);
    if (i == 0) frames = Tensor::empty({2 * last, frame.size(0), frame.size(1), frame.size(2)}, frame.options());
    frames.select(0, i).copy_(frame);
  }
  return frames;
}

int interpolate(const InterpolateLine& line) {
  check_line(line.from);
  const Choices choices = choices_of(line);
  check_outputs(line);
  Generator generator(line.from);
  Interpolation way(line, choices, generator);
  std::vector<Tensor> columns;
  for (std::int64_t i = 0; i <= line.steps + 1; ++i)
    columns.push_back(way.at(static_cast<double>(i) / static_cast<double>(line.steps + 1)));
  const Tensor& first = columns.front();
  const auto count = static_cast<std::int64_t>(columns.size());
  Tensor sheet = Tensor::empty({line.rows, count, first.size(1), first.size(2), first.size(3)}, first.options());
  for (std::int64_t i = 0; i < count; ++i) sheet.select(1, i).copy_(columns[static_cast<std::size_t>(i)]);
  const fs::path out = sheet_of(line);
  if (out.has_parent_path()) make_folder("interpolate", out.parent_path());
  write_png(out, picture_grid(sheet.reshape({line.rows * count, first.size(1), first.size(2), first.size(3)}), count));
  fmt::print("{}: {} rows of {} pictures of {}\n", out.string(), line.rows, count, generator.name());
  if (line.animation.empty()) return 0;
  const Tensor frames = there_and_back(columns, line.rows);
  write_animation(line.animation, frames, {.frames_per_second = static_cast<int>(line.frames_per_second)});
  fmt::print("{}: the same in {} frames, there and back\n", line.animation, frames.size(0));
  return 0;
}

}  // namespace

Command interpolate_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("interpolate", "draw the way from one picture to another");
  const auto line = std::make_shared<InterpolateLine>();
  app->allow_extras();
  add_options(*app, line->from);
  add_network_option(*app, line->from);
  const auto number = [&](const char* option, std::int64_t& value, const char* help) {
    app->add_option(option, value, help)->capture_default_str()->type_name("N");
  };
  app->add_option(
         "--vary", line->vary,
         "what changes along a row: the noise z, the class y (the rows of its tables are mixed; needs a network "
         "with such tables), or both")
      ->capture_default_str()
      ->type_name("WHAT");
  app->add_option("--path", line->path, "of the noise: slerp, along the sphere, or lerp, straight as BigGAN's sheets")
      ->capture_default_str()
      ->type_name("PATH");
  number("--rows", line->rows, "of the sheet");
  number("--steps", line->steps, "pictures between the two ends of a row");
  app->add_option("--class", line->label,
                  "number or name of the class, or of the first; default: all in turn, or drawn")
      ->type_name("CLASS");
  app->add_option("--to-class", line->to_label, "of the class at the other end; default: drawn")->type_name("CLASS");
  app->add_option("--seed", line->seed, "of the noise and the classes")->capture_default_str()->type_name("N");
  add_options(*app, line->noise);
  app->add_option("--out", line->out, "the sheet; default: interpolation.png in the run's folder, or here")
      ->type_name("FILE.png");
  app->add_option("--animation", line->animation,
                  "write an animated PNG too, or a GIF in 256 colours, that goes there and back for ever")
      ->type_name("FILE.png|FILE.gif");
  number("--fps", line->frames_per_second, "its frames per second; a GIF's last hundredths of a second, two at least");
  number("--batch-size", line->batch_size, "pictures that are drawn at once");
  return {app, [line] { return interpolate(*line); }};
}

}  // namespace duel::app
