// Softmax, its logarithm and the logarithm of its denominator, none of which overflows.
#pragma once

#include "duel/autograd/reduce.h"
#include "duel/autograd/variable.h"

namespace duel {

/// exp(x) / sum of exp(x) along dimension `d` (negative ones count from the end); x float32 or float64 of one dimension
/// or more. -inf gives 0; where all of them are -inf, or one is inf or NaN, the results are NaN.
Variable softmax(const Variable& x, int d);
/// log(softmax(x, d)), accurate where that is next to 0 or far below.
Variable log_softmax(const Variable& x, int d);
/// log of the sum of exp(x) over the named dimensions. -inf where all of them are -inf (with gradient 0) or there are
/// none.
Variable logsumexp(const Variable& x, const Shape& dims, KeepDims keep = KeepDims::no);

}  // namespace duel
