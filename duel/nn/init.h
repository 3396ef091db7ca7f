// Initialisations, by PyTorch's names and formulas (torch.nn.init). Weights are [out, in, kernel...]; fan-in is
// in * kernel area and fan-out is out * kernel area.
#pragma once

#include "duel/tensor/rng.h"

namespace duel::init {

Tensor zeros(const Shape& shape);
Tensor ones(const Shape& shape);
Tensor normal(Rng& rng, const Shape& shape, double mean = 0, double stddev = 1);
Tensor uniform(Rng& rng, const Shape& shape, double low, double high);
/// U(-b, b) with b = gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)
Tensor xavier_uniform(Rng& rng, const Shape& shape, double gain = 1);
/// N(0, gain^2 * 2 / (fan_in + fan_out))
Tensor xavier_normal(Rng& rng, const Shape& shape, double gain = 1);
/// U(-b, b) with b = sqrt(6 / ((1 + a^2) fan_in)) (He et al. 2015), a the slope of the leaky ReLU that follows
Tensor kaiming_uniform(Rng& rng, const Shape& shape, double a = 0);
/// N(0, 2 / ((1 + a^2) fan_in))
Tensor kaiming_normal(Rng& rng, const Shape& shape, double a = 0);
/// U(-b, b) with b = 1 / sqrt(fan_in), or 0 for no fan-in: what PyTorch's linear and convolution layers start with,
/// weight and bias alike.
Tensor fan_in_uniform(Rng& rng, const Shape& shape, double fan_in);
/// The factor Q [M, N] of a = Q R with orthonormal columns and an upper triangular R of positive diagonal, in which it
/// is unique; a float64 [M, N], finite, M >= N. Where columns are dependent, whatever Householder's method gives.
Tensor orthonormal_columns(const Tensor& a);
/// Orthonormal rows or columns (whichever are fewer) of the weight seen as [out, rest], times gain (Saxe et al. 2014).
Tensor orthogonal(Rng& rng, const Shape& shape, double gain = 1);

/// Elements that feed one output: in * kernel area. Two dimensions at least.
double fan_in(const Shape& shape);

}  // namespace duel::init
