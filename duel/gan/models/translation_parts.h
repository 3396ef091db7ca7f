// What the networks of pytorch-CycleGAN-and-pix2pix share: the choice of the norm, and the initialisation.
#pragma once

#include "duel/nn/layers.h"
#include "duel/nn/sequential.h"

namespace duel {

/// "batch" (with gain, bias and running statistics), "instance" (with none of them) or "none". Convolutions in front of
/// an instance norm have a bias, those in front of the others have none.
enum class TranslationNorm : std::uint8_t { batch, instance, none };

Layer translation_norm(TranslationNorm norm, std::int64_t channels);
Bias bias_before(TranslationNorm norm);

enum class TranslationWeights : std::uint8_t {
  normal,      ///< N(0, gain^2)
  xavier,      ///< xavier_normal with this gain
  kaiming,     ///< kaiming_normal (a = 0, fan-in); the gain is not used
  orthogonal,  ///< orthonormal rows or columns times the gain
};

struct TranslationInit {
  TranslationWeights kind = TranslationWeights::normal;
  double gain = 0.02;
};

/// A weight of a convolution or a linear layer.
Tensor draw_weight(Rng& rng, const Shape& shape, const TranslationInit& options);

/// Draws a module's parameters anew in the order of the walk, as the original's init_weights: the weights of two
/// dimensions and more by `options`, those of norms (one dimension) from N(1, gain^2), biases 0.
template <class Module>
void initialize_weights(Rng& rng, Module& module, const TranslationInit& options);

namespace detail {

struct InitializeTranslation : Visitor {
  Rng& rng;
  TranslationInit options;
  InitializeTranslation(Rng& stream, const TranslationInit& o) : rng(stream), options(o) {}
  void on_parameter(const std::string& name, Variable& p) override;
};

}  // namespace detail

template <class Module>
void initialize_weights(Rng& rng, Module& module, const TranslationInit& options) {
  detail::InitializeTranslation visitor(rng, options);
  module.visit(visitor);
}

}  // namespace duel
