// Matrix product.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// a [..., M, K] times b [..., K, N] = [..., M, N]; the leading dimensions broadcast. Transposed views cost nothing.
/// Two dimensions at least.
Variable matmul(const Variable& a, const Variable& b);
/// x [N, in] times the transpose of weight [out, in], plus bias [out] if defined: PyTorch's linear.
Variable linear(const Variable& x, const Variable& weight, const Variable& bias = {});

}  // namespace duel
