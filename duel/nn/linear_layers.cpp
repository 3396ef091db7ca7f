#include "duel/nn/linear_layers.h"

#include "duel/nn/init.h"

namespace duel {

Linear::Linear(Rng& rng, std::int64_t in, std::int64_t out, LinearOptions o) {
  check(in >= 1 && out >= 1, "Linear", "sizes must be positive, got ", in, " -> ", out);
  weight = Variable::leaf(init::fan_in_uniform(rng, {out, in}, static_cast<double>(in)));
  if (o.bias == Bias::yes) bias = Variable::leaf(init::fan_in_uniform(rng, {out}, static_cast<double>(in)));
}

void Linear::visit(Visitor& v) {
  v.parameter("weight", weight);
  v.parameter("bias", bias);
}

Embedding::Embedding(Rng& rng, std::int64_t count, std::int64_t size) {
  check(count >= 1 && size >= 1, "Embedding", "sizes must be positive, got ", count, " x ", size);
  weight = Variable::leaf(init::normal(rng, {count, size}));
}

}  // namespace duel
