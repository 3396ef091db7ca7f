// What the pointwise operations share: their kernels with the checks that go before.
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/backend.h"

namespace duel {

/// y = op(x), dense, in x's order of dimensions. Throws, naming `name`, unless x is float32 or float64.
Tensor unary_kernel(const char* name, UnaryOp op, const Tensor& x, Constants c = {});

/// y = op(a, b) for a and b of one shape. Throws, naming `name`, unless both are float32 or both float64.
Tensor binary_kernel(const char* name, BinaryOp op, const Tensor& a, const Tensor& b, Constants c = {});

struct Pair {
  Variable a, b;
};

/// Both expanded to the shape that they broadcast to.
Pair broadcast(const char* name, const Variable& a, const Variable& b);

/// Memory for what a kernel makes of each element of b.grad and others, channels-last: that of b.grad itself if nobody
/// else sees it.
Tensor in_place_of_grad(const Backward& b);

}  // namespace duel
