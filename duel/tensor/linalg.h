// Decompositions of matrices, for metrics: the Fréchet distance needs eigenvalues and square roots, a report of a
// network's spectra its singular values. On tensors, not variables: nothing here is differentiated.
//
// All take float64 on the CPU, of any strides, and throw for anything else, for NaN and infinity.
#pragma once

#include "duel/tensor/tensor.h"

namespace duel {

struct SymmetricEigen {
  Tensor values;   // [N], ascending
  Tensor vectors;  // [N, N]: column i belongs to values[i]; orthonormal
};

/// A = V diag(values) V' of a symmetric A [N, N]; N may be 0. What differs from symmetry by rounding, up to 1e-8 of the
/// largest element, is averaged out; more throws.
SymmetricEigen eigh(const Tensor& a);

/// The symmetric positive semidefinite square root: R R = A, A [N, N] being so itself. Eigenvalues below zero, or
/// indistinguishable from it (N roundings of the largest), count as 0; one below -1e-8 of the largest throws.
Tensor sqrtm_psd(const Tensor& a);

/// Tr((A B)^1/2) of two symmetric positive semidefinite matrices [N, N]: with A = F F', the sum of the square roots of
/// the eigenvalues of F' B F, which are those of A B and of A^1/2 B A^1/2. Same tolerances as `sqrtm_psd`.
/// The Fréchet distance of two Gaussians, FID's formula, is |m1 - m2|^2 + Tr(S1) + Tr(S2) - 2 Tr((S1 S2)^1/2) (Dowson
/// and Landau 1982).
double trace_sqrt_product(const Tensor& a, const Tensor& b);

/// The min(R, C) singular values of a matrix [R, C], descending.
Tensor svdvals(const Tensor& a);

}  // namespace duel
