// Translator: pictures of pictures, by a network of a run or by published weights; of any size, in tiles if need be.
#pragma once

#include <cstdint>

#include "apps/duel/generator_source.h"

namespace duel::app {

struct TranslatorLine {
  GeneratorLine from;
  std::string direction, mode = "eval", size;
  std::int64_t tile = 0;
  std::optional<std::int64_t> overlap;
  std::uint64_t seed = 0;
};
/// --run, --device and so on, --direction, --mode, --size, --tile, --overlap, --seed.
void add_options(CLI::App& app, TranslatorLine& line);

class Translator {
 public:
  /// Throws UsageError, naming the option, for networks that make no pictures of pictures.
  explicit Translator(const TranslatorLine& line);

  /// `picture` [C, H, W] from 0 to 255 on the CPU, of any numbers, C = 1 or 3; what becomes of it: uint8 [1 or 3, H, W]
  /// there, with the H and W of `size`, or its own. Throws for pictures that keep a size from which they can't be
  /// reflected to one that the network takes.
  Tensor operator()(const Tensor& picture);

  /// What every picture is resized to first, as --size says; none: they keep their sizes.
  const std::optional<Size2>& size() const { return size_; }

 private:
  struct Loaded {
    Network network;
    std::int64_t step;               // sides that the network takes are multiples of it
    std::optional<Size2> trained{};  // the one size of pictures in training, if there was one
    bool colourises = false, exact_conv = false;
    std::string name{};
    Device device = Device::cpu;
  };
  Translator(Loaded loaded, const TranslatorLine& line);
  static Loaded load(const TranslatorLine& line);
  static Loaded from_run(const TranslatorLine& line);
  static Loaded from_weights(const TranslatorLine& line);
  static std::optional<Size2> size_of(const TranslatorLine& line, const Loaded& loaded);

  Tensor network_input(const Tensor& picture) const;
  Tensor translated(const Tensor& x);
  Tensor padded_and_cut(const Tensor& x);
  Tensor in_tiles(const Tensor& x);

  Loaded loaded_;
  std::optional<Size2> size_;
  std::int64_t tile_, overlap_;
  Mode mode_;
  Rng draws_;
  std::optional<ExactConvolutions> exact_;
};

}  // namespace duel::app
