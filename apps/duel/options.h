// TrainOptions: everything a training run can be told. One walk over it, `describe` of describe_options.h, serves the
// help text, the command line, JSON in and out, and what a checkpoint keeps.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/duel/json.h"
#include "apps/duel/parts.h"
#include "apps/duel/presets.h"
#include "duel/gan/data/transform.h"
#include "duel/gan/games/adversarial.h"
#include "duel/gan/games/translation.h"
#include "duel/gan/media/open_dataset.h"
#include "duel/gan/models/catalogue.h"
#include "duel/gan/translation_losses.h"
#include "duel/nn/schedules.h"

namespace duel::app {

/// The user asked for something that doesn't exist or can't be: exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Who trains what, see duel/gan/games.
enum class GameKind : std::uint8_t { adversarial, translate, cycle, autoencode, plugin };
constexpr auto names_of(GameKind) {
  using enum GameKind;
  return std::array{Named{adversarial, "adversarial"}, Named{translate, "translate"}, Named{cycle, "cycle"},
                    Named{autoencode, "autoencode"}};
}

/// A game by name: one of duel's own, or a plug-in's.
class GameChoice {
 public:
  GameChoice(GameKind own) : kind_(own), name_(duel::to_text(own)) {}
  explicit GameChoice(const GamePart& part) : kind_(GameKind::plugin), name_(part.name) {}
  operator GameKind() const { return kind_; }
  /// The plug-in's; throws for one of duel's own.
  const GamePart& part() const;
  const std::string& name() const { return name_; }
  friend std::string to_text(const GameChoice& game) { return game.name(); }
  [[nodiscard]] friend bool set_from_text(GameChoice& game, std::string_view text) { return game.set(text); }
  friend std::string takes(const GameChoice& game) { return game.choices(); }

 private:
  bool set(std::string_view text);
  std::string choices() const;

  GameKind kind_;
  std::string name_;
};

/// What an example is.
enum class DataMode : std::uint8_t {
  single,        ///< a picture
  aligned,       ///< a picture and what it is to become
  unaligned,     ///< two pictures of two domains
  colorization,  ///< a picture's lightness and its colours
  restoration,   ///< a picture made worse and the picture
};
constexpr auto names_of(DataMode) {
  using enum DataMode;
  return std::array{Named{single, "single"}, Named{aligned, "aligned"}, Named{unaligned, "unaligned"},
                    Named{colorization, "colorization"}, Named{restoration, "restoration"}};
}

enum class ScheduleUnit : std::uint8_t { steps, epochs, images };
constexpr auto names_of(ScheduleUnit) {
  using enum ScheduleUnit;
  return std::array{Named{steps, "steps"}, Named{epochs, "epochs"}, Named{images, "images"}};
}

/// Where the pictures are and what becomes of them on their way to the networks.
struct DataOptions {
  std::string path = "/usr/share/datasets/fashion-mnist", path_b, format = "auto", cache;
  DataMode mode = DataMode::single;
  Split split = Split::train;
  std::vector<std::string> classes, class_names;
  std::int64_t max_size = 0;
  Halves halves = Halves::left_right;
  Direction direction = Direction::a_to_b;
  Pairing pairing = Pairing::random;
  TransformOptions transform{};
  std::vector<std::string> transforms;  // of plug-ins
  std::int64_t downscale = 4;           // of restoration
  double noise = 0;
  std::int64_t batch_size = 64, workers = 1;
  bool shuffle = true;
};

struct ScheduleOptions {
  Schedule schedule{};
  ScheduleUnit unit = ScheduleUnit::epochs;
  bool plateau = false;
  PlateauOptions plateau_options{};
  std::vector<std::string> scales;  // "generator.encoder*=0.1@1000"
};

/// What to do when training goes wrong.
enum class WatchAction : std::uint8_t {
  off,
  warn,       ///< say so and go on
  stop,       ///< say so, save and stop
  roll_back,  ///< go on from the last good checkpoint with lower rates
};
constexpr auto names_of(WatchAction) {
  using enum WatchAction;
  return std::array{Named{off, "off"}, Named{warn, "warn"}, Named{stop, "stop"}, Named{roll_back, "roll_back"}};
}

/// How the discriminator's optimiser differs from that of both sides.
struct DiscriminatorOptimizer {
  std::string kind = "same";  // or a name
  std::optional<double> beta1{}, beta2{}, eps{}, weight_decay{};
};

struct TrainOptions {
  std::string preset, description;
  GameChoice game_kind = GameKind::adversarial;
  DataOptions data{};
  std::int64_t steps = 0, epochs = 0;
  std::uint64_t seed = 0;
  std::string device = "best", precision = "tf32", capture = "on";
  std::int64_t tell_every = 10;  // of a device
  std::int64_t threads = 0;
  bool exact_conv = false;  // see ExactConvolutions
  std::int64_t log_every = 10, sample_every = 500, checkpoint_every = 500, keep_checkpoints = 3;
  std::vector<std::string> loggers{"html"}, snapshots;
  std::string best;  // a number's name, or with ":max"
  std::int64_t best_every = 500;
  WatchAction watch = WatchAction::warn;
  double rollback_factor = 0.5;
  std::int64_t most_rollbacks = 5;
  // Of the networks; 0 leaves what the model has.
  std::string model = "duel-conditional-DCGAN", discriminator;
  std::int64_t latent = 0, width = 0, stages = 0;
  std::vector<std::string> model_options;
  // Of both sides.
  OptimizerOptions optimizer{.lr = 0, .beta1 = 0.5, .beta2 = 0.999};  // the rates are apart
  DiscriminatorOptimizer d_optimizer{};
  double g_lr = 5e-4, d_lr = 5e-4;
  ScheduleOptions schedule{};
  std::string loss = "vanilla";
  bool soft_labels = false;
  double noisy_labels = 0, label_smoothing = 0;
  AdversarialGameOptions game = default_game();                           // all but what is above
  double switch_discriminator = 0, switch_generator = 0, ada_target = 0;  // 0: none
  std::int64_t ada_images = 500000;
  // Of the other games.
  double pixel_weight = 100;
  PixelLoss pixel_loss = PixelLoss::l1;
  Judged judged = Judged::pair;
  std::int64_t pretrain_generator = 0, pretrain_discriminator = 0;
  CycleLossOptions cycle{};
  std::int64_t pool = 50;
  double beta = 1, sparsity = 0;
  std::string latent_distribution = "normal";
  std::vector<PartSetting> settings = default_settings();  // of plug-ins' parts
  BatchShape data_shape{{1, 28, 28}, {}, 10};              // filled in when there are data

  static AdversarialGameOptions default_game();
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
  bool in_use = true;                     ///< no for settings of a plug-in's part that is not chosen
};

/// The catalogue's networks for these options and these data, each under the name it has in a game's state, averages
/// left out: "generator" and "discriminator"; "generator_a", ...; "autoencoder".
std::vector<std::pair<std::string, Blueprint>> game_networks(const TrainOptions& options);

/// The options of an adversarial game, with networks for the data's sizes.
AdversarialGameOptions adversarial_options(const TrainOptions& options);

/// The game that the options are about, with networks for the data's sizes.
std::unique_ptr<Game> make_game(const TrainOptions& options, std::uint64_t seed);
/// Has products computed as the options say where they say: in the whole process.
void use_precision(const TrainOptions& options);
/// Where the options say that games compute. Throws for a device that cannot be used.
Place training_place(const TrainOptions& options);

/// "batch_size" -> "--batch-size"
std::string flag(std::string_view name);

/// What an option takes, for its help text and its errors: "an integer, from 1 to 10".
std::string expects(const OptionInfo& info, bool);
std::string expects(const OptionInfo& info, const std::string&);
std::string expects(const OptionInfo& info, const std::vector<std::string>&);
std::string expects(const OptionInfo& info, const std::vector<std::int64_t>&);
std::string expects(const OptionInfo& info, std::int64_t);
std::string expects(const OptionInfo& info, std::uint64_t);
std::string expects(const OptionInfo& info, double);
/// Enumerations and sizes, which are texts outside.
template <class T>
std::string expects(const OptionInfo&, const T& value) {
  return takes(value);
}

/// A command line's word as the JSON value of an option of the type of the second argument. What doesn't fit stays a
/// text, for `apply` to complain about.
Json parse_word(const std::string& word, bool);
Json parse_word(const std::string& word, const std::vector<std::string>&);
Json parse_word(const std::string& word, const std::vector<std::int64_t>&);
Json parse_word(const std::string& word, std::int64_t);
Json parse_word(const std::string& word, std::uint64_t);
Json parse_word(const std::string& word, double);
template <class T>
Json parse_word(const std::string& word, const T&) {
  return word;
}

/// An option's value in JSON.
template <class T>
Json as_json(const T& value) {
  if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string> ||
                std::is_same_v<T, std::vector<std::string>> || std::is_same_v<T, std::vector<std::int64_t>>)
    return value;
  else
    return to_text(value);
}

/// All options in use, or those of one scope.
Json to_json(TrainOptions options, std::optional<Scope> scope = {});

/// The value of a key; null where it is missing.
const Json& value_of(const Json& object, const std::string& key);

/// Some options' values, from one place.
struct Layer {
  Json values;         ///< an object
  std::string source;  ///< the file or the preset it was read from; empty: the command line
};

/// The object in a JSON file; throws UsageError if the file is none.
Layer read_json_layer(const std::string& file);

/// Where the values of options come from, by name: "command line", a file, "preset NAME", "default of game NAME",
/// "default of model NAME". What is not there is as it is by default.
using Sources = std::map<std::string, std::string>;

/// Overwrites the options that `layer` names, and what a game or model that it chooses implies; returns where those
/// come from. Throws UsageError, naming key and source, for an unknown key (with the nearest known one), a wrong type,
/// a value out of range.
Sources apply(TrainOptions& options, const Layer& layer);

/// The layers of a preset: first the one that it is based on by its own key "preset", and so on, last its own. Throws
/// UsageError for a name that there is not, and for presets that are based on each other.
std::vector<Layer> preset_layers(const std::string& name, std::span<const Preset> among = presets());

struct Configuration {
  TrainOptions options;
  Sources sources;
};

/// The defaults, overridden by the preset that the last of `layers` to name one names, overridden by the layers, first
/// to last. Throws UsageError as `apply` and `preset_layers`.
Configuration configure(const std::vector<Layer>& layers);
inline TrainOptions resolve(const std::vector<Layer>& layers) { return configure(layers).options; }

/// 8 hexadecimal digits that stand for all that the numbers of a run depend on (Scope::numbers): the first half of the
/// 64-bit FNV-1a hash of {"name":value,...} with the options that differ from their defaults, by name, without spaces,
/// numbers as short as they can be told apart. An option that a later version adds leaves it as it was.
std::string configuration_hash(const TrainOptions& options);

/// Where a run goes that was told no folder: "runs/dcgan-fashion-0123abcd", by its preset or else its game.
std::string default_run(const TrainOptions& options);

/// What `best` names, and whether more of it is better.
std::pair<std::string, bool> best_criterion(const TrainOptions& options);

/// The loss and the noise of the options, of a plug-in or duel's own.
AdversarialLoss chosen_loss(const TrainOptions& options);
DrawNoise chosen_noise(const TrainOptions& options);

/// Throws UsageError if an option that must stay differs: names it, its value `before` and `now`.
void refuse_changes(const TrainOptions& before, const TrainOptions& now, const std::vector<Scope>& scopes);

}  // namespace duel::app
