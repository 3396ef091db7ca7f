// Singular values of weights: how far a layer can stretch what goes through it.
#pragma once

#include <vector>

#include "duel/tensor/tensor.h"

namespace duel::app {

struct Spectrum {
  std::vector<double> largest;  ///< falling
  double stable_rank = 0;       ///< sum of all squared ones / the largest squared; 0 for a weight of zeros
};

/// The `count` largest singular values, or all if there are fewer, of a weight with at least two dimensions as a matrix
/// [size 0, rest]. From the eigenvalues of the smaller Gram matrix in float64. Nothing if an element is not finite.
Spectrum singular_values(const Tensor& weight, std::size_t count = 5);

}  // namespace duel::app
