// The recipe for fused operations: a fast kernel for the first gradient, and a definition in ordinary operations (the
// composite) for every further one.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// A fused operation's definition: from its inputs (undefined ones included) to its output.
using Composite = std::function<Variable(const Variables& inputs)>;

/// The result of a fused operation, like `record`. `gradient` is called when nothing is being recorded, so it may call
/// kernels; when the backward pass is itself recorded, the gradient is that of `composite`.
Variable record_fused(const char* name, const Variables& inputs, Tensor value, GradFunction gradient,
                      Composite composite, Keep keep = Keep::nothing,
                      std::source_location where = std::source_location::current());

}  // namespace duel
