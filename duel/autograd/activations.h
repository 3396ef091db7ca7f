// Activation functions: pointwise, float32 or float64, differentiable to any order. The scalar formulas are in
// tensor/functors.h. Names and conventions are PyTorch's.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// Gradient 0 at 0.
Variable relu(const Variable& x);
/// x above 0, slope * x elsewhere; the gradient at 0 is `slope`.
Variable leaky_relu(const Variable& x, double slope = 0.2);
/// x above 0, alpha (exp(x) - 1) elsewhere; the gradient at 0 is `alpha`. Clevert et al. (2016).
Variable elu(const Variable& x, double alpha = 1);
/// elu with the scale and alpha that keep mean 0 and variance 1 in deep networks. Klambauer et al. (2017).
Variable selu(const Variable& x);
Variable tanh(const Variable& x);
/// clamp(x, low, high), but its gradient is 0 at the bounds (as in PyTorch) where clamp's is 1.
Variable hardtanh(const Variable& x, double low = -1, double high = 1);
/// 1 / (1 + exp(-x)), without overflow.
Variable sigmoid(const Variable& x);
/// log(sigmoid(x)) = -softplus(-x)
Variable log_sigmoid(const Variable& x);
/// log(1 + exp(beta x)) / beta, without overflow. Exact for all x, so there is no `threshold` above which it were x, as
/// PyTorch has. `beta` is above 0.
Variable softplus(const Variable& x, double beta = 1);
/// x sigmoid(x), also called swish; 0 at -infinity.
Variable silu(const Variable& x);

/// The normal distribution's share below x, exactly or by a tanh.
enum class GeluForm : std::uint8_t { erf, tanh };
/// x times that share; 0 at -infinity. Hendrycks & Gimpel (2016).
Variable gelu(const Variable& x, GeluForm form = GeluForm::erf);

}  // namespace duel
