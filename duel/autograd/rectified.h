// The rectifier that an operation applies to its own result (backend.h), as its composite and its gradient see it.
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/backend.h"

namespace duel {

/// Throws, naming the operation, unless the slope lies in [0, 1].
void check_rectifier(const char* name, Rectifier r);

/// leaky_relu(x, slope); x itself where that is the same.
Variable rectified(const Variable& x, Rectifier r);

/// The gradient with respect to x: g where x is above 0, else slope * g. y is x, or the result, which has its sign, if
/// the slope is not negative. Differentiable in g.
Variable rectified_grad(const Variable& g, const Variable& y, Rectifier r);

}  // namespace duel
