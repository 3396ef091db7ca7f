// fastai's ConvLayer, and gan_critic built of it. Names are those of its state dictionaries. (basic_generator and
// basic_critic are in dcgan.h, the U-Net in fastai_unet.h.)
#pragma once

#include <optional>

#include "duel/gan/models/inputs.h"
#include "duel/nn/layers.h"
#include "duel/nn/sequential.h"

namespace duel {

/// fastai's NormType: nothing, a norm behind the convolution, or one of its weight.
enum class FastaiNorm : std::uint8_t { none, batch, instance, weight, spectral };

enum class FastaiInit : std::uint8_t {
  automatic,       ///< kaiming_uniform in front of an activation, else PyTorch's; biases from N(0, 0.01^2)
  kaiming_normal,  ///< biases 0
  icnr,  ///< the same, each four output channels alike, so that a depth-to-space gives squares (Aitken et al. 2017)
};

struct FastaiConvOptions {
  std::int64_t kernel = 3, stride = 1, padding = (kernel - 1) / 2;
  FastaiNorm norm = FastaiNorm::batch;
  std::optional<double> slope = 0;  ///< of the (leaky) ReLU; none: no activation
  FastaiInit init = FastaiInit::automatic;
  double norm_gain = 1;  ///< what the gains of a batch or instance norm start as; their biases start as 1e-3
  /// In front of a batch or instance norm there is none in any case.
  Bias bias = Bias::yes;
};

/// ConvLayer: convolution, norm, activation, under the names 0, 1. x [N, in, H, W] -> [N, out, OH, OW].
Sequential fastai_conv(Rng& rng, std::int64_t in, std::int64_t out, const FastaiConvOptions& options);

/// A batch norm whose gains start as `gain` and biases as 1e-3.
BatchNorm2d fastai_batch_norm(std::int64_t channels, double gain = 1);

struct FastaiCriticOptions {
  std::int64_t channels = 3;  ///< of the pictures
  std::int64_t width = 128;   ///< feature maps after the first halving
  std::int64_t blocks = 3;    ///< further halvings, each of which doubles the feature maps
  double dropout = 0.15;      ///< of whole feature maps, in front of each of them; half of it after the first halving
};

/// gan_critic: pictures [N, channels, H, W] to logits [N, places], one for each place of a 4 x 4 window on the map
/// after the halvings; H and W must be at least 4 * 2^(blocks + 1). All convolutions are spectrally normalised. A dense
/// block (its result beside its input) follows the first halving, unpooled self-attention the second. Training needs
/// Pass::rng.
struct FastaiCritic {
  using Options = FastaiCriticOptions;
  Options options;
  Sequential layers;

  FastaiCritic(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v) { layers.visit(v); }
};

}  // namespace duel
