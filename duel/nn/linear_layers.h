// Linear and Embedding. Names, shapes, defaults and initialisations are PyTorch's.
#pragma once

#include "duel/autograd/ops.h"
#include "duel/nn/module.h"

namespace duel {

enum class Bias : std::uint8_t { no, yes };

struct LinearOptions {
  Bias bias = Bias::yes;
};

/// x [N, in] -> [N, out]
struct Linear {
  Variable weight;  // [out, in]
  Variable bias;    // [out]

  Linear(Rng& rng, std::int64_t in, std::int64_t out, LinearOptions options = {});
  Variable operator()(const Variable& x) const { return linear(x, weight, bias); }
  void visit(Visitor& v);
};

/// Indices int64 [...] -> [..., size]; rows drawn from N(0, 1).
struct Embedding {
  Variable weight;  // [count, size]

  Embedding(Rng& rng, std::int64_t count, std::int64_t size);
  Variable operator()(const Tensor& index) const { return embedding(weight, index); }
  void visit(Visitor& v) { v.parameter("weight", weight); }
};

}  // namespace duel
