// TrainOptions: everything a training run can be told. One walk over it, `describe`, serves the help text, the command
// line, JSON in and out, and what a checkpoint keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "duel/gan/games/adversarial.h"
#include "duel/gan/models/catalogue.h"

namespace duel::app {

using Json = nlohmann::ordered_json;  // keeps the order of `describe`

/// The user asked for something that doesn't exist or can't be: exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// What the networks have to be made for.
struct DataSizes {
  std::int64_t channels = 1, height = 28, width = 28, classes = 10;  // 0 classes without labels
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
  // Of the networks; 0 leaves what the model has.
  std::string model = "duel-conditional-DCGAN";
  std::int64_t latent = 0, width = 0, stages = 0;
  std::vector<std::string> model_options;
  double beta1 = 0.5, beta2 = 0.999;  // of both optimisers
  std::string loss = "vanilla", gp_at = "mixed", gp_over = "sample", ema_buffers = "copy";
  bool soft_labels = false;
  double noisy_labels = 0, label_smoothing = 0;
  AdversarialGameOptions game = default_game();  // all but what is above
  std::int64_t pad = 0;
  DataSizes data_sizes;  // filled in when there are data

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
};

/// Names of losses that `--loss` takes: those of adversarial_losses(), what they are called elsewhere, and wgan-gp.
std::vector<std::string> loss_names();

template <class F>
void describe_regularisers(TrainOptions& o, F&& f) {
  using enum Scope;
  constexpr Range share{0, 1};
  RegulariserOptions& r = o.game.regularisers;
  const auto option = [&](const char* name, const char* help, auto& value, Range range = {0, 1e6}) {
    f(OptionInfo{"Regularisers (0: none)", name, help, numbers, range}, value);
  };
  const auto choice = [&](const char* name, const char* help, std::string& value, std::vector<std::string> choices) {
    f(OptionInfo{"Regularisers (0: none)", name, help, numbers, {}, std::move(choices)}, value);
  };
  option("gp_weight", "gradient penalty (WGAN-GP's lambda)", r.gradient_penalty);
  choice("gp_at", "where the gradient is taken: between real and generated pictures, or at one of them", o.gp_at,
         {"mixed", "real", "fake"});
  choice("gp_over", "whether its norm is over the whole sample or each pixel", o.gp_over, {"sample", "pixel"});
  option("max_gp", "the largest squared gradient (MaxGP)", r.max_gradient_penalty);
  option("dragan", "gradient penalty around real pictures (DRAGAN)", r.dragan);
  option("r1_gamma", "R1 penalty on real pictures", r.r1_gamma);
  option("r2_gamma", "R2 penalty on generated pictures", r.r2_gamma);
  option("r1_interval", "steps between two R1 and R2 penalties", r.r1_interval, {1, 1e15});
  f(OptionInfo{"Regularisers (0: none)", "lazy_betas", "correct Adam for that interval, as StyleGAN2 does"},
    r.lazy_betas);
  option("clip", "limit of the discriminator's weights (WGAN: 0.01)", r.clip);
  option("d_ortho", "orthogonality of the discriminator's weights (BigGAN: 1e-4)", r.discriminator_orthogonality);
  option("g_ortho", "orthogonality of the generator's weights", r.generator_orthogonality);
  option("lecam", "LeCam penalty", r.lecam);
  option("cr", "consistency of scores under flips and shifts, on real pictures (CR: 10)", r.consistency);
  option("bcr_real", "balanced consistency, on real pictures (bCR: 10)", r.balanced_real);
  option("bcr_fake", "the same on generated ones (10)", r.balanced_fake);
  option("zcr_d", "consistency of scores under noise in z (zCR: 5)", r.latent_discriminator);
  option("zcr_g", "diversity of pictures under noise in z (zCR: 0.5)", r.latent_generator);
  option("zcr_noise", "its standard deviation", r.latent_noise);
  f(OptionInfo{"Regularisers (0: none)", "augment", "DiffAugment's parts: color,translation,cutout"}, r.augment);
  f(OptionInfo{"Regularisers (0: none)", "soft_labels",
               "labels in (0.9, 1) for real and (0, 0.1) for generated pictures"},
    o.soft_labels);
  option("label_smoothing", "label 1 less this for real pictures", o.label_smoothing, share);
  option("noisy_labels", "how often a batch's labels are exchanged", o.noisy_labels, share);
  option("top_k", "least part of its pictures that the generator learns from; 1: all", r.top_k, {1e-6, 1});
  option("top_k_gamma", "by what that part shrinks each epoch", r.top_k_gamma, {1e-6, 1});
  option("class_weight", "times the published weights, of the loss of the discriminator's classes", r.class_weight);
  option("rotation_d", "of turned pictures, for the discriminator (SSGAN)", r.rotation_discriminator);
  option("rotation_g", "the same for the generator", r.rotation_generator);
  option("infomax", "of local and global features (InfoMax-GAN)", r.infomax);
}

/// Calls f(info, value) for every option; `value` is a bool, std::string, std::vector<std::string>,
/// std::int64_t, std::uint64_t or double of `o`.
template <class F>
void describe(TrainOptions& o, F&& f) {
  using enum Scope;
  constexpr Range positive{1, 1e15}, passes{0, 1e9}, rate{0, 1}, beta{0, 0.999999};
  AdversarialGameOptions& game = o.game;

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
  f(OptionInfo{"Data", "pad", "black pixels to add on every side: 2 make 28 x 28 to 32 x 32", numbers, {0, 1024}},
    o.pad);
  f(OptionInfo{"Data", "batch_size", "pictures per update", numbers, {1, 65536}}, o.batch_size);

  f(OptionInfo{"Networks", "model", "the networks; duel info --list shows all, duel info --model NAME their options"},
    o.model);
  f(OptionInfo{"Networks", "latent", "length of the noise vector; 0: the model's own", numbers, {0, 65536}}, o.latent);
  f(OptionInfo{"Networks", "width", "feature maps, as the model counts them; 0: its own", numbers, {0, 4096}}, o.width);
  f(
      OptionInfo{
          "Networks", "stages", "halvings of the picture's size, of duel-conditional-DCGAN; 0: 2", numbers, {0, 10}},
      o.stages);
  f(OptionInfo{"Networks", "model_options", "other options of the model, as generator.depth=2, separated by commas"},
    o.model_options);

  f(OptionInfo{"Training", "loss", "adversarial loss; wgan-gp is wgan with gp_weight 10", numbers, {}, loss_names()},
    o.loss);
  f(OptionInfo{"Training", "g_lr", "learning rate of the generator", numbers, rate}, game.generator_optimizer.lr);
  f(OptionInfo{"Training", "d_lr", "learning rate of the discriminator", numbers, rate},
    game.discriminator_optimizer.lr);
  f(OptionInfo{"Training", "beta1", "Adam's decay of the mean gradient", numbers, beta}, o.beta1);
  f(OptionInfo{"Training", "beta2", "Adam's decay of the mean squared gradient", numbers, beta}, o.beta2);
  f(OptionInfo{"Training", "d_steps", "discriminator updates per step", numbers, {1, 1000}}, game.d_steps);
  f(OptionInfo{"Training", "ema_decay", "decay of the averaged generator, which draws the samples", numbers, {0, 1}},
    game.ema_decay);
  f(OptionInfo{"Training", "ema_start", "steps before the averaging starts", numbers}, game.ema_start);
  f(OptionInfo{"Training", "ema_buffers", "what becomes of running statistics there", numbers, {}, {"copy", "average"}},
    o.ema_buffers);
  describe_regularisers(o, f);
}

/// The game that the options are about, with networks for the data's sizes.
AdversarialGameOptions game_options(const TrainOptions& options);

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
