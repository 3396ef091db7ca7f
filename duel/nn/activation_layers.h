// Layers without parameters that work element by element or only move elements, and dropout. Names and defaults are
// PyTorch's, but for LeakyReLU's slope, which is the GAN literature's. Those with a `rectifier` can be done by the
// layer before them (see Sequential).
#pragma once

#include <optional>

#include "duel/autograd/ops.h"
#include "duel/nn/module.h"

namespace duel {

struct Identity {
  Variable operator()(const Variable& x) const { return x; }
};
struct ReLU {
  Variable operator()(const Variable& x) const { return relu(x); }
  std::optional<Rectifier> rectifier() const { return Rectifier{0}; }
};
struct LeakyReLU {
  double slope = 0.2;
  Variable operator()(const Variable& x) const { return leaky_relu(x, slope); }
  std::optional<Rectifier> rectifier() const {
    return slope >= 0 && slope <= 1 ? std::optional(Rectifier{slope}) : std::nullopt;
  }
};
struct ELU {
  double alpha = 1;
  Variable operator()(const Variable& x) const { return elu(x, alpha); }
};
struct SELU {
  Variable operator()(const Variable& x) const { return selu(x); }
};
struct GELU {
  GeluForm form = GeluForm::erf;
  Variable operator()(const Variable& x) const { return gelu(x, form); }
};
struct SiLU {
  Variable operator()(const Variable& x) const { return silu(x); }
};
struct Tanh {
  Variable operator()(const Variable& x) const { return tanh(x); }
};
struct Hardtanh {
  double low = -1, high = 1;
  Variable operator()(const Variable& x) const { return hardtanh(x, low, high); }
};
struct Sigmoid {
  Variable operator()(const Variable& x) const { return sigmoid(x); }
};
struct Softplus {
  double beta = 1;
  Variable operator()(const Variable& x) const { return softplus(x, beta); }
};
/// Along one dimension; negative ones count from the end.
struct Softmax {
  int dim = -1;
  Variable operator()(const Variable& x) const { return softmax(x, dim); }
};

/// Active in training only; needs Pass::rng there.
struct Dropout {
  double p = 0.5;
  Variable operator()(const Variable& x, const Pass& pass) const;
};
/// Whole feature maps.
struct Dropout2d {
  double p = 0.5;
  Variable operator()(const Variable& x, const Pass& pass) const;
};

/// [N, ...] -> [N, rest]
struct Flatten {
  Variable operator()(const Variable& x) const { return flatten(x); }
};
/// [N, ...] -> [N, shape...]
struct Unflatten {
  Shape shape;
  Variable operator()(const Variable& x) const;
};

}  // namespace duel
