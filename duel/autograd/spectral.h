// Spectral normalisation's division (Miyato et al. 2018, eq. 8 and 9): a weight over its largest singular value.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// The singular vectors of a weight seen as a matrix W [R, S], and sigma = u' W v: what `Backend::power_method` finds.
struct SpectralVectors {
  Tensor u, v, divisor;  // [R], [S], [1]
};

/// A weight [out, in, ...] as a matrix whose rows are dimension `output_dim`, 0 or 1, as kernels take it: [R, C, K].
Tensor spectral_matrix(const Tensor& weight, int output_dim);

/// weight / sigma, of any shape of two dimensions at least. u and v are constants, sigma is not: the gradient is
/// (g - <g, weight / sigma> u v') / sigma. With vectors of zeros and a divisor of 1 it is g.
Variable divide_by_sigma(const Variable& weight, int output_dim, const SpectralVectors& vectors);

}  // namespace duel
