// Order along a dimension. NaN counts as largest, and of equal elements the first comes first (as in PyTorch's stable
// sorts). Indices are constants; values are looked up by them (`gather`), so gradients of any order flow through.
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/backend.h"

namespace duel {

/// The places, int64, of the elements along dimension `d` in the given order. Of x's shape and any dtype.
Tensor argsort(const Variable& x, int d, SortOrder order = SortOrder::ascending);
/// The place, int64, of the largest element along dimension `d`, which goes away; the first of equals, or the first
/// NaN. x is float32 or float64; throws for the largest of no elements.
Tensor argmax(const Variable& x, int d);
/// Of the smallest one; of the first NaN too if there is one.
Tensor argmin(const Variable& x, int d);

struct Sorted {
  Variable values;
  Tensor indices;  ///< int64, of the same shape: where the values were
};
/// The elements along dimension `d` in the given order; float32 or float64.
Sorted sort(const Variable& x, int d, SortOrder order = SortOrder::ascending);
/// The first k of them: the largest ones, or the smallest if ascending. 0 <= k <= size.
Sorted topk(const Variable& x, std::int64_t k, int d, SortOrder order = SortOrder::descending);

}  // namespace duel
