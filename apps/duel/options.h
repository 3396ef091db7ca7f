// TrainOptions: everything a training run can be told. One walk over it, `describe`, serves the help text, the command
// line, JSON in and out, and what a checkpoint keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "duel/gan/games/conditional.h"

namespace duel::app {

using Json = nlohmann::ordered_json;  // keeps the order of `describe`

/// The user asked for something that doesn't exist or can't be: exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

struct TrainOptions {
  std::string preset, description;
  std::string data = "/usr/share/datasets/fashion-mnist", data_format = "idx";
  std::vector<std::string> class_names;
  std::int64_t steps = 0, epochs = 0;
  std::int64_t batch_size = 64;
  std::uint64_t seed = 0;
  std::string device = "cpu";
  std::int64_t threads = 0;
  bool exact_conv = false;  // see ExactConvolutions
  std::int64_t log_every = 10, sample_every = 500, checkpoint_every = 500, keep_checkpoints = 3;
  double beta1 = 0.5, beta2 = 0.999;  // of both optimisers
  ConditionalGameOptions game;        // its seed and the data's sizes are filled in by the trainer
};

/// What an option is to a run that goes on after an interruption.
enum class Scope : std::uint8_t {
  numbers,  ///< fixed, and kept in checkpoints: every number depends on it
  origin,   ///< fixed: says where the run came from
  session,  ///< free: how long, how often, where
};

/// Bounds of a number, both included.
struct Range {
  double low = 0, high = 1e15;
};

struct OptionInfo {
  const char* group;
  const char* name;  ///< as a JSON key; "batch_size" is --batch-size on the command line
  const char* help;
  Scope scope = Scope::numbers;
  Range range = {};
  std::vector<std::string> choices = {};  ///< of a text; empty: any
};

/// Calls f(info, value) for every option; `value` is a bool, std::string, std::vector<std::string>,
/// std::int64_t, std::uint64_t or double of `o`.
template <class F>
void describe(TrainOptions& o, F&& f) {
  using enum Scope;
  constexpr Range positive{1, 1e15}, passes{0, 1e9}, rate{0, 1}, beta{0, 0.999999};
  ConditionalGameOptions& game = o.game;

  f(OptionInfo{"Run", "preset", "start from this preset; see duel config --list", origin}, o.preset);
  f(OptionInfo{"Run", "description", "a note that the configuration keeps", session}, o.description);
  f(OptionInfo{"Run", "steps", "how many steps to train in all; 0: as the epochs say", session}, o.steps);
  f(OptionInfo{"Run", "epochs", "how many passes over the data to train, instead of steps", session, passes}, o.epochs);
  f(OptionInfo{"Run", "seed", "of all that is random", numbers, {0, 18446744073709551615.0}}, o.seed);
  f(OptionInfo{"Run", "device", "where to compute", session, {}, {"cpu", "cuda"}}, o.device);
  f(OptionInfo{"Run", "threads", "processors to use; 0: all. The numbers do not depend on it", session, {0, 1024}},
    o.threads);
  f(OptionInfo{"Run", "exact_conv", "convolve without Winograd's algorithms: slower, with smaller rounding errors"},
    o.exact_conv);
  f(OptionInfo{"Run", "log_every", "steps between two lines of metrics.jsonl", session, positive}, o.log_every);
  f(OptionInfo{"Run", "sample_every", "steps between two grids of samples", session, positive}, o.sample_every);
  f(OptionInfo{"Run", "checkpoint_every", "steps between two checkpoints", session, positive}, o.checkpoint_every);
  f(OptionInfo{"Run", "keep_checkpoints", "how many numbered checkpoints to keep beside the latest", session, {0, 1e6}},
    o.keep_checkpoints);

  f(OptionInfo{"Data", "data", "folder of the data set", session}, o.data);
  f(OptionInfo{"Data", "data_format", "what the folder holds; idx: MNIST's files", numbers, {}, {"idx"}},
    o.data_format);
  f(OptionInfo{"Data", "class_names", "names of the classes, separated by commas", numbers}, o.class_names);
  f(OptionInfo{"Data", "batch_size", "pictures per update", numbers, {1, 65536}}, o.batch_size);

  f(OptionInfo{"Networks", "latent", "length of the noise vector", numbers, {1, 65536}}, game.model.latent);
  f(OptionInfo{"Networks",
               "width",
               "feature maps at half the picture's size; they double at each halving",
               numbers,
               {1, 4096}},
    game.model.width);
  f(OptionInfo{"Networks", "stages", "halvings of the picture's size", numbers, {1, 10}}, game.model.stages);

  f(OptionInfo{"Training", "loss", "adversarial loss", numbers, {}, {"vanilla", "lsgan", "wgan", "hinge"}}, game.loss);
  f(OptionInfo{"Training", "g_lr", "learning rate of the generator", numbers, rate}, game.generator.lr);
  f(OptionInfo{"Training", "d_lr", "learning rate of the discriminator", numbers, rate}, game.discriminator.lr);
  f(OptionInfo{"Training", "beta1", "Adam's decay of the mean gradient", numbers, beta}, o.beta1);
  f(OptionInfo{"Training", "beta2", "Adam's decay of the mean squared gradient", numbers, beta}, o.beta2);
  f(
      OptionInfo{
          "Training", "clip", "limit of the discriminator's weights, for the loss wgan; 0: none", numbers, {0, 1e6}},
      game.clip);
  f(OptionInfo{"Training", "d_steps", "discriminator updates per step", numbers, {1, 1000}}, game.d_steps);
  f(OptionInfo{"Training", "r1_gamma", "weight of the R1 penalty; 0: none", numbers, {0, 1e6}}, game.r1_gamma);
  f(OptionInfo{"Training", "r1_interval", "steps between two R1 penalties", numbers, positive}, game.r1_interval);
  f(OptionInfo{"Training", "ema_decay", "decay of the averaged generator, which draws the samples", numbers, {0, 1}},
    game.ema_decay);
  f(OptionInfo{"Training", "ema_start", "steps before the averaging starts", numbers}, game.ema_start);
}

/// "batch_size" -> "--batch-size"
std::string flag(std::string_view name);

/// What an option takes, for its help text and its errors: "an integer, from 1 to 10".
std::string expects(const OptionInfo& info, bool);
std::string expects(const OptionInfo& info, const std::string&);
std::string expects(const OptionInfo& info, const std::vector<std::string>&);
std::string expects(const OptionInfo& info, std::int64_t);
std::string expects(const OptionInfo& info, std::uint64_t);
std::string expects(const OptionInfo& info, double);

/// A command line's word as the JSON value of an option of the type of the second argument. What doesn't fit stays a
/// text, for `apply` to complain about.
Json parse_word(const std::string& word, bool);
Json parse_word(const std::string& word, const std::string&);
Json parse_word(const std::string& word, const std::vector<std::string>&);
Json parse_word(const std::string& word, std::int64_t);
Json parse_word(const std::string& word, std::uint64_t);
Json parse_word(const std::string& word, double);

/// All options, or those of one scope.
Json to_json(TrainOptions options, std::optional<Scope> scope = {});

/// Some options' values, from one place.
struct Layer {
  Json values;         ///< an object
  std::string source;  ///< the file it was read from; empty: the command line
};

/// The object in a JSON file; throws UsageError if the file is none.
Layer read_json_layer(const std::string& file);

/// Overwrites the options that `layer` names. Throws UsageError, naming key and source, for an unknown key (with the
/// nearest known one), a wrong type, a value out of range.
void apply(TrainOptions& options, const Layer& layer);

/// The defaults, overridden by the preset that the last of `layers` to name one names, overridden by the layers, first
/// to last. Throws UsageError as `apply`, or for an unknown preset.
TrainOptions resolve(const std::vector<Layer>& layers);

/// Throws UsageError if an option that must stay differs: names it, its value `before` and `now`.
void refuse_changes(const TrainOptions& before, const TrainOptions& now, const std::vector<Scope>& scopes);

}  // namespace duel::app
