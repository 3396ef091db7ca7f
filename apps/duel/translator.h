// Translator: pictures of pictures, by a network of a run or by published weights; of any size, in tiles if need be.
#pragma once

#include <cstdint>

#include "apps/duel/generator_source.h"

namespace duel::app {

struct TranslatorLine {
  GeneratorLine from;
  std::string direction, mode = "eval";
  std::int64_t tile = 0;
  std::optional<std::int64_t> overlap;
  std::uint64_t seed = 0;
};
/// --run and so on, --direction, --mode, --tile, --overlap, --seed.
void add_options(CLI::App& app, TranslatorLine& line);

class Translator {
 public:
  /// Throws UsageError, naming the option, for networks that make no pictures of pictures.
  explicit Translator(const TranslatorLine& line);

  /// `picture` [C, H, W] from 0 to 255, of any numbers, C = 1 or 3; what becomes of it: uint8 [1 or 3, H, W]. Throws
  /// for pictures that are too small to be reflected to a size that the network takes.
  Tensor operator()(const Tensor& picture);

 private:
  struct Loaded {
    Network network;
    std::int64_t step;  // sides that the network takes are multiples of it
    bool colourises = false, exact_conv = false;
    std::string name;
  };
  Translator(Loaded loaded, const TranslatorLine& line);
  static Loaded load(const TranslatorLine& line);
  static Loaded from_run(const TranslatorLine& line);
  static Loaded from_weights(const TranslatorLine& line);

  Tensor network_input(const Tensor& picture) const;
  Tensor translated(const Tensor& x);
  Tensor padded_and_cut(const Tensor& x);
  Tensor in_tiles(const Tensor& x);

  Loaded loaded_;
  std::int64_t tile_, overlap_;
  Mode mode_;
  Rng draws_;
  std::optional<ExactConvolutions> exact_;
};

}  // namespace duel::app
