// Attention whose products are matrix products of their own, in cuBLASLt on tensor cores: for many queries and keys,
// where that is several times as fast as the tiles of attention.cu, which multiply in ordinary arithmetic.
#pragma once

#include "duel/tensor/backend.h"

namespace duel::cuda {

/// How many of a batch's samples, at least 1, have their scores in memory at a time where this is the way to go; else
/// 0, where there are few, or more of a sample than 1 GiB holds. Depends on the shapes and the dtype alone.
std::int64_t samples_by_products(const Tensor& q, const Tensor& k);

// As the slots of like names in `Backend`, for float32 and bfloat16. Scores and weights, `samples` times [T, S], are
// rounded to q's dtype, as those of PyTorch's bmm under autocast are.
void attention_by_products(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y,
                           const Tensor& lse, std::int64_t samples);
void attention_grad_by_products(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y,
                                const Tensor& lse, const Tensor& dy, const Tensor& dq, const Tensor& dk,
                                const Tensor& dv, std::int64_t samples);

}  // namespace duel::cuda
