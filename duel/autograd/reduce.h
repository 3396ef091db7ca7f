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

/// The smallest likewise.
Variable amin(const Variable& x, const Shape& dims, KeepDims keep = KeepDims::no);

struct VarianceOptions {
  std::int64_t correction = 1;  ///< the sum of squares is divided by the number of elements less this
  KeepDims keep = KeepDims::no;
};
/// The mean squared deviation from the mean, which is taken first, so that no digits are lost where the mean is large.
/// Throws unless there are more elements than `correction`.
Variable var(const Variable& x, const Shape& dims, VarianceOptions options = {});
/// Its square root. The gradient is 0 (in mathematics it has none) where all elements are equal.
Variable stddev(const Variable& x, const Shape& dims, VarianceOptions options = {});

struct NormOptions {
  double p = 2;  ///< 1 or more; infinity: the largest absolute value
  KeepDims keep = KeepDims::no;
};
/// (sum |x|^p)^(1 / p). The gradient is 0 where all elements are 0. Powers of the elements must not overflow.
Variable norm(const Variable& x, const Shape& dims, NormOptions options = {});
/// Of all elements; shape [].
Variable norm(const Variable& x);

/// Running sums along dimension `d`: y[i] = x[0] + ... + x[i].
Variable cumsum(const Variable& x, int d);

}  // namespace duel
