// Scaled dot-product attention (Vaswani et al. 2017), with one query's scores never in memory all at once.
#pragma once

#include <optional>

#include "duel/autograd/variable.h"

namespace duel {

/// softmax(scale q k') v over the keys. q [..., T, D], k [..., S, D], v [..., S, E] -> [..., T, E]; the leading
/// dimensions (batch, heads) broadcast. `scale` is 1 / sqrt(D) if not given (SAGAN's is 1). D, S and E at least 1.
/// Value and first gradient go tile by tile (Dao et al. 2022): their memory does not grow with T * S. Further orders
/// are those of the composite and hold the T x S matrix.
Variable scaled_dot_product_attention(const Variable& q, const Variable& k, const Variable& v,
                                      std::optional<double> scale = {});

}  // namespace duel
