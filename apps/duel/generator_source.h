// Where a generator comes from, for the commands that draw with one: a run, a checkpoint, or published weights; and
// where it computes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "apps/duel/options.h"
#include "apps/duel/published.h"
#include "duel/gan/latents.h"
#include "duel/tensor/allocator.h"
#include "duel/tensor/exact_convolutions.h"

namespace duel::app {

/// --device and --precision, those of `duel train`.
struct PlaceLine {
  Json given = Json::object();  ///< options of training
};
void add_options(CLI::App& app, PlaceLine& line);
/// Moves the network to where `line` says, to compute as it says; returns that device. Throws UsageError for words that
/// are none, and as `device_named`.
Device place(Network& network, const PlaceLine& line);

struct GeneratorLine {
  std::string run, checkpoint, weights, network;
  PublishedLine published;
  PlaceLine place;
};

/// --run, --checkpoint, --weights with its --model and so on, --device, --precision. `--network` is for those who draw
/// of noise.
void add_options(CLI::App& app, GeneratorLine& line);
void add_network_option(CLI::App& app, GeneratorLine& line);

/// --truncation, --truncation-style and --noise-scale.
struct NoiseLine {
  double truncation = 0, scale = 1;
  std::string style = "resample";
};
void add_options(CLI::App& app, NoiseLine& line);
/// Throws UsageError, beginning with `options`, for noise that can't be.
LatentOptions latent_options(const NoiseLine& line, const char* options = "--truncation, --noise-scale");

/// Throws UsageError unless one of --run, --checkpoint and --weights is given, with what goes with it.
void check_line(const GeneratorLine& line);

/// The checkpoint that `line` names: its run's latest, or the file.
std::filesystem::path checkpoint_file(const GeneratorLine& line);

/// Draws pictures of latents: a generator, or the decoder of a variational auto-encoder.
class Generator {
 public:
  /// Throws UsageError, naming the option, for networks that make no pictures of noise.
  explicit Generator(const GeneratorLine& line);

  std::int64_t latent() const { return latent_; }
  std::int64_t classes() const { return loaded_.classes; }  ///< 1 if it knows none
  /// [C, H, W] of its pictures.
  Shape picture();
  /// What a message calls it: "step 500", or the model.
  const std::string& name() const { return loaded_.name; }
  /// The class of that number or name; throws UsageError, beginning with `option`, if there is none.
  std::int64_t find_class(const std::string& text, const char* option) const;

  /// Where its network is, and its pictures are made.
  Device device() const { return loaded_.device; }

  /// float32 [count, latent] on the CPU, of the distribution that it was trained with. Throws UsageError for truncation
  /// of other ones than N(0, 1).
  Tensor draw_latents(Rng& rng, std::int64_t count, const LatentOptions& options = {}) const;

  /// z [N, latent] on `device()`, labels int64 [N] on any, which a network without classes is spared -> pictures
  /// [N, C, H, W] in [-1, 1].
  Variable operator()(const Variable& z, const Tensor& labels, const Pass& pass = {.mode = Mode::eval});
  /// The same without gradients, of any device's z, `batch_size` at once, as bytes on the CPU: uint8 [N, C, H, W].
  Tensor draw(const Tensor& z, const Tensor& labels, std::int64_t batch_size);

  /// The network of a generator; throws UsageError, beginning with `option`, for a decoder, which can't do that.
  Network& network(const char* option);

 private:
  /// What the last layer of a decoder gives, or that it is none.
  enum class Decoder : std::uint8_t { none, tanh, sigmoid };
  struct Loaded {
    Network network;
    std::int64_t classes;
    std::vector<std::string> class_names;
    std::string name;
    Decoder decoder = Decoder::none;
    bool exact_conv = false;
    DrawNoise noise = nullptr;  // unless it is N(0, 1)
    Device device = Device::cpu;
  };
  explicit Generator(Loaded loaded);
  static Loaded load(const GeneratorLine& line);
  static Loaded from_checkpoint(const GeneratorLine& line);
  static Loaded from_weights(const GeneratorLine& line);
  static Decoder decoder_of(const Blueprint& autoencoder);

  Loaded loaded_;
  std::int64_t latent_;
  std::optional<ExactConvolutions> exact_;
};

/// Throws UsageError, naming the option, unless its value lies in [low, high].
template <class T>
void check_range(const char* option, T value, std::type_identity_t<T> low, std::type_identity_t<T> high) {
  if (!(value >= low && value <= high))
    throw UsageError(fmt::format("{} must be from {} to {}, not {}", option, low, high, value));
}

/// What `work` gives. If there is not enough memory for it, the error says what to try: `remedy`, "a smaller
/// --batch-size".
template <class F>
auto in_memory(const char* remedy, F&& work) {
  try {
    return work();
  } catch (const OutOfMemory& e) {
    throw Error(fmt::format("{}; try {}", e.what(), remedy));
  }
}

/// 0, 1, ... classes - 1, 0, ..., or `only` alone: int64 [count].
Tensor labels_in_turn(std::int64_t count, std::int64_t classes, std::optional<std::int64_t> only = {});

/// Makes `folder` for the results of `command`, and what it lies in; throws, naming it.
void make_folder(const char* command, const std::filesystem::path& folder);

}  // namespace duel::app
