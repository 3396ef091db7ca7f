// The residual blocks of SNGAN (Miyato and Koyama 2018), from which SAGAN, BigGAN, WGAN-GP's ResNets and their many
// re-implementations are built. Systems differ in names, upsampling and details that change numbers; all are options.
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <utility>

#include "duel/nn/layers.h"

namespace duel {

enum class Nonlinearity : std::uint8_t { relu, leaky_relu, elu, gelu };
Variable activate(Nonlinearity f, const Variable& x);
/// f of layer(Rectifier{}); a ReLU, leaky or not, is left to the layer, which does it in its own pass.
template <class Layer>
requires std::invocable<const Layer&, Rectifier> Variable activate(Nonlinearity f, const Layer& layer) {
  if (f == Nonlinearity::relu) return layer(Rectifier{0});
  if (f == Nonlinearity::leaky_relu) return layer(Rectifier{0.2});
  return activate(f, layer(Rectifier{}));
}

/// What weights of two dimensions and more are drawn from. `standard` leaves what each layer starts with.
enum class WeightInit : std::uint8_t { standard, orthogonal, normal_002, xavier_uniform };

/// New values for the weights of a module: orthogonal, N(0, 0.02) or Xavier's. Biases stay.
template <class Module>
void initialize_weights(Rng& rng, Module& module, WeightInit how);

/// `layer`, spectrally normalised. No more singular values are followed than its weight has.
template <class L>
SpectralNorm<L> normalized(Rng& rng, L layer, SpectralNormOptions spectral) {
  const std::int64_t rows = layer.weight.size(0), columns = layer.weight.numel() / rows;
  spectral.singular_values = std::min({spectral.singular_values, rows, columns});
  return {rng, std::move(layer), spectral};
}
/// The same of a convolution that keeps the size of pictures; `kernel` is odd.
SpectralNorm<Conv2d> same_size_conv(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t kernel,
                                    const SpectralNormOptions& spectral);

/// What a system calls the parts of a block.
struct BlockNames {
  const char *norm1 = "bn1", *norm2 = "bn2", *conv1 = "conv1", *conv2 = "conv2", *shortcut = "conv_sc";
  const char* shortcut_norm = "bn0";
};

enum class Upsampling : std::uint8_t { none, nearest, bilinear };
/// x, or twice as high and wide.
Variable upsampled(const Variable& x, Upsampling how);

struct GeneratorBlockOptions {
  std::int64_t in = 1, out = 1;  ///< channels
  Upsampling upsampling = Upsampling::nearest;
  Nonlinearity nonlinearity = Nonlinearity::relu;
  SpectralNormOptions spectral{.variant = SpectralNormVariant::none};
  BlockNames names = {};
};

/// norm, nonlinearity, upsampling, 3 x 3, norm, nonlinearity, 3 x 3, plus the upsampled input through a 1 x 1
/// convolution, which is left out where neither size nor channels change. `Norm` is called as norm(x, condition, pass,
/// rectifier).
template <class Norm>
struct GeneratorBlock {
  GeneratorBlockOptions options;
  Norm norm1, norm2;                             // of `in` and of `out` channels
  SpectralNorm<Conv2d> conv1, conv2;             // in -> out -> out
  std::optional<SpectralNorm<Conv2d>> shortcut;  // in -> out

  GeneratorBlock(Rng& rng, const GeneratorBlockOptions& o, Norm first, Norm second)
      : options(o),
        norm1(std::move(first)),
        norm2(std::move(second)),
        conv1(same_size_conv(rng, o.in, o.out, 3, o.spectral)),
        conv2(same_size_conv(rng, o.out, o.out, 3, o.spectral)) {
    if (o.in != o.out || o.upsampling != Upsampling::none) shortcut = same_size_conv(rng, o.in, o.out, 1, o.spectral);
  }

  /// x [N, in, H, W] -> [N, out, H, W], or [N, out, 2 H, 2 W]
  template <class Condition>
  Variable operator()(const Variable& x, const Condition& y, const Pass& pass) {
    const auto [f, up] = std::pair(options.nonlinearity, options.upsampling);
    const Variable seen = activate(f, [&](Rectifier r) { return norm1(x, y, pass, r); });
    const Variable h =
        up == Upsampling::nearest ? conv1.after_upsampling(seen, pass) : conv1(upsampled(seen, up), pass);
    const Variable residual = conv2(activate(f, [&](Rectifier r) { return norm2(h, y, pass, r); }), pass);
    // Upsampling and a 1 x 1 convolution commute, and this order needs a quarter of the work.
    return residual + upsampled(shortcut ? (*shortcut)(x, pass) : x, up);
  }
  void visit(Visitor& v) {
    v.child(options.names.conv1, conv1);
    v.child(options.names.conv2, conv2);
    if (shortcut) v.child(options.names.shortcut, *shortcut);
    v.child(options.names.norm1, norm1);
    v.child(options.names.norm2, norm2);
  }
};

enum class Downsampling : std::uint8_t { none, average };
/// A network's first block sees pictures, which no nonlinearity should cut.
enum class Preactivation : std::uint8_t { no, yes };
/// A block's middle layer has as many feature maps as its output (SAGAN, BigGAN), or as its input (SNGAN).
enum class BlockWidth : std::uint8_t { wide, thin };
/// What reaches the shortcut: the block's input or, where the first ReLU is computed in place, its result.
enum class ShortcutInput : std::uint8_t { raw, activated };

struct DiscriminatorBlockOptions {
  std::int64_t in = 1, hidden = 1, out = 1;  ///< channels
  Downsampling downsampling = Downsampling::average;
  Preactivation preactivation = Preactivation::yes;
  ShortcutInput shortcut_input = ShortcutInput::raw;
  Nonlinearity nonlinearity = Nonlinearity::relu;  ///< between the convolutions; the preactivation is always ReLU
  SpectralNormOptions spectral{};
  /// Batch norms, if wanted: before both nonlinearities, and before the shortcut's convolution.
  std::optional<BatchNormOptions> norm = {};
  BlockNames names = {};
};

/// [ReLU,] 3 x 3, nonlinearity, 3 x 3, [2 x 2 means], plus the input through a 1 x 1 convolution and the same means;
/// the convolution is left out where neither size nor channels change. Where the block starts without ReLU, the means
/// come first: a norm between them sees that.
struct DiscriminatorBlock {
  DiscriminatorBlockOptions options;
  SpectralNorm<Conv2d> conv1, conv2;             // in -> hidden -> out
  std::optional<SpectralNorm<Conv2d>> shortcut;  // in -> out
  std::optional<BatchNorm2d> norm1, norm2;       // of `in` channels if there is a first ReLU, and of `hidden`
  std::optional<BatchNorm2d> shortcut_norm;      // of `in`

  DiscriminatorBlock(Rng& rng, const DiscriminatorBlockOptions& options);
  /// x [N, in, H, W] -> [N, out, H, W] or [N, out, H / 2, W / 2]
  Variable operator()(const Variable& x, const Pass& pass);
  void visit(Visitor& v);

 private:
  Variable beside(const Variable& x, const Pass& pass);
};

namespace detail {

struct InitializeWeights : Visitor {
  Rng& rng;
  WeightInit how;
  InitializeWeights(Rng& r, WeightInit h) : rng(r), how(h) {}
  void on_parameter(const std::string& name, Variable& p) override;
};

}  // namespace detail

template <class Module>
void initialize_weights(Rng& rng, Module& module, WeightInit how) {
  if (how == WeightInit::standard) return;
  detail::InitializeWeights visitor(rng, how);
  module.visit(visitor);
}

}  // namespace duel
