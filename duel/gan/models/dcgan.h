// The standard DCGAN (Radford et al. 2016) for square pictures of any power of two, as two systems have it: PyTorch's
// example and tutorial, and fastai's basic_generator and basic_critic. Names are those of their state dictionaries.
//
//                        pytorch                      fastai
//   names                main.3.weight                2.0.weight, .2.1.weight: a layer with its norm
//   biases               only the norms'              also in the discriminator's first and last convolution
//   weights              N(0, 0.02), norms N(1, 0.02)  kaiming_normal, norms 1, their biases 1e-3
#pragma once

#include "duel/gan/models/inputs.h"
#include "duel/nn/sequential.h"

namespace duel {

enum class DcganLayout : std::uint8_t { pytorch, fastai };

struct DcganOptions {
  std::int64_t size = 64;         ///< of the pictures, size x size; a power of two, 8 at least
  std::int64_t channels = 3;      ///< of the pictures
  std::int64_t latent = 100;      ///< length of z
  std::int64_t width = 64;        ///< feature maps at half the full size; they double at each halving down to 4 x 4
  std::int64_t extra_layers = 0;  ///< 3 x 3 convolutions at half the full size (fastai's n_extra_layers)
  double slope = 0.2;  ///< of the discriminator's leaky ReLU; 0 is a ReLU, fastai's default if no act_cls is given
  DcganLayout layout = DcganLayout::pytorch;
  Scores scores = Scores::logits;  ///< PyTorch's example ends in a sigmoid
};

/// z [N, latent] to pictures [N, channels, size, size] in (-1, 1).
struct DcganGenerator {
  using Options = DcganOptions;
  Options options;
  Sequential main;

  DcganGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& z, const Pass& pass = {});
  void visit(Visitor& v);
};

/// Pictures [N, channels, size, size] to scores [N].
struct DcganDiscriminator {
  using Options = DcganOptions;
  Options options;
  Sequential main;

  DcganDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Pass& pass = {});
  void visit(Visitor& v);
};

}  // namespace duel
