// Reductions. The basic one is `sum_to`, the transpose of broadcasting.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// Whether a reduced dimension stays, with size 1.
enum class KeepDims : std::uint8_t { no, yes };

/// x summed over the dimensions in which `shape` is 1 or absent; `shape` must broadcast to x's.
Variable sum_to(const Variable& x, const Shape& shape);
/// All elements; shape [].
Variable sum(const Variable& x);
/// Over the named dimensions; negatives count from the end.
Variable sum(const Variable& x, const Shape& dims, KeepDims keep = KeepDims::no);
/// Throws when there are no elements.
Variable mean(const Variable& x);
Variable mean(const Variable& x, const Shape& dims, KeepDims keep = KeepDims::no);
/// The largest element over the named dimensions; equal largest ones share the gradient evenly (PyTorch's amax).
Variable amax(const Variable& x, const Shape& dims, KeepDims keep = KeepDims::no);

}  // namespace duel
