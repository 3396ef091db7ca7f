// Weight normalisation (Salimans and Kingma 2016): the length of each output's weights is a parameter of its own. Names
// are those of torch.nn.utils.weight_norm.
#pragma once

#include <limits>
#include <utility>

#include "duel/autograd/ops.h"
#include "duel/nn/spectral_norm.h"

namespace duel {

/// A layer whose weight is weight_g * weight_v / ||weight_v||, the norm over all dimensions but the first. It starts as
/// the layer was. Rows of zeros give zeros.
template <class L>
struct WeightNorm {
  L layer;        // its weight is weight_v
  Variable gain;  // weight_g [out, 1, ...]

  explicit WeightNorm(L inner) : layer(std::move(inner)), gain(Variable::leaf(lengths().value())) {}

  Variable operator()(const Variable& x, Rectifier r = {}) const {
    L normalized = layer;
    normalized.weight = layer.weight * (gain / clamp(lengths(), 1e-12, std::numeric_limits<double>::infinity()));
    return normalized(x, r);
  }
  void visit(Visitor& v) {
    detail::WeightRenamed renamed(v, "weight_v");
    layer.visit(renamed);
    v.parameter("weight_g", gain);
  }

 private:
  Variable lengths() const {
    Shape rest;
    for (int i = 1; i < layer.weight.dim(); ++i) rest.push_back(i);
    return norm(layer.weight, rest, {.keep = KeepDims::yes});
  }
};

}  // namespace duel
