// Table look-up and its transpose.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// The rows of `table` [R, D] named by `index` int64 [...]: [..., D]. Throws when an index is outside [0, R).
Variable embedding(const Variable& table, const Tensor& index);
/// The transpose: rows [..., D] added into a zero table of `count` rows, in the order of `index` [...].
Variable scatter_add(const Variable& rows, const Tensor& index, std::int64_t count);
/// int64 labels [N] as rows of zeros with a single 1: [N, classes]. A constant.
Tensor one_hot(const Tensor& labels, std::int64_t classes, DType dtype = DType::float32);

}  // namespace duel
