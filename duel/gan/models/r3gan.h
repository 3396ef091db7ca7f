// R3GAN (Huang et al. 2024): a residual network without normalisation, to be trained with the relativistic loss and R1
// and R2 penalties. Names are those of the authors' state dictionaries (in their pickles behind "Model.").
//
//   published      widths                             group_width  classes
//   CIFAR-10       768 768 768 768                    16           10
//   FFHQ 64        768 768 768 768 384                16
//   FFHQ 256       768 768 768 768 384 192 96         16
//   ImageNet 32    1536 1536 1536 1536                32           1000
//   ImageNet 64    1536 1536 1536 1536 1536           32           1000
#pragma once

#include <vector>

#include "duel/gan/models/inputs.h"
#include "duel/nn/sequential.h"

namespace duel {

struct R3ganOptions {
  /// Feature maps at 4 x 4, 8 x 8 ... pixels: as many as there are sizes, the last one that of the pictures.
  std::vector<std::int64_t> widths{768, 768, 768, 768};
  std::int64_t blocks = 2;        ///< residual ones at each size
  std::int64_t expansion = 2;     ///< feature maps within a block, for each one of the stage
  std::int64_t group_width = 16;  ///< of the 3 x 3 convolutions: expansion * width must be a multiple
  std::int64_t channels = 3;
  std::int64_t latent = 64;
  /// 0: unconditional. Else an embedding of the class, of `latent` numbers, follows z, and the discriminator's score is
  /// the inner product of widths[0] numbers of the picture with as many of the class.
  std::int64_t classes = 0;

  /// The side of the pictures.
  std::int64_t size() const { return std::int64_t{4} << (widths.size() - 1); }
};

/// z [N, latent] and, if conditional, labels int64 [N] to pictures [N, channels, size, size], not bounded: there is no
/// tanh.
struct R3ganGenerator {
  using Options = R3ganOptions;
  Options options;
  std::vector<Sequential> stages;  // from 4 x 4 up
  Variable to_colours;             // [channels, width, 1, 1]
  Variable embedding;              // [latent, classes]

  R3ganGenerator(Rng& rng, const Options& options);
  Variable operator()(const Variable& z, const Tensor& labels, const Pass& pass = {});
  Variable operator()(const Variable& z, const Pass& pass = {}) { return (*this)(z, Tensor(), pass); }
  void visit(Visitor& v);
};

/// Pictures [N, channels, size, size] and, if conditional, labels int64 [N] to logits [N].
struct R3ganDiscriminator {
  using Options = R3ganOptions;
  Options options;
  Variable from_colours;           // [width, channels, 1, 1]
  std::vector<Sequential> stages;  // down to 4 x 4
  Variable embedding;              // [widths[0], classes]

  R3ganDiscriminator(Rng& rng, const Options& options);
  Variable operator()(const Variable& pictures, const Tensor& labels, const Pass& pass = {});
  Variable operator()(const Variable& pictures, const Pass& pass = {}) { return (*this)(pictures, Tensor(), pass); }
  void visit(Visitor& v);
};

}  // namespace duel
