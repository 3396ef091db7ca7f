// Losses between what a network gives and what it should have given. Names, formulas and reductions are PyTorch's; all
// can be differentiated to any order, in x and in a target that is a variable.
//
// A target is one number for all elements or a variable of x's shape and dtype: soft labels, noisy ones, pictures.
// Undefined inputs, and a target of another shape or dtype (nothing is broadcast), throw.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// What becomes of the losses l_i of the elements (or samples, where a loss says so): themselves, their sum or their
/// mean, of shape []. The mean of none throws; their sum is 0.
enum class Reduction : std::uint8_t { none, sum, mean };

/// Binary cross entropy: l = -(t log p + (1 - t) log(1 - p)), p and t in [0, 1]. Logarithms are cut off at log 1e-37 =
/// -85.2, gradients being 0 beyond (PyTorch cuts at -100, where 1 / p would overflow float32). A number t outside [0,
/// 1] throws; the elements of a variable are not looked at.
Variable bce(const Variable& p, double target, Reduction reduction = Reduction::mean);
Variable bce(const Variable& p, const Variable& target, Reduction reduction = Reduction::mean);
/// The same for logits, p = sigmoid(x): l = t softplus(-x) + (1 - t) softplus(x), which is exact for x of any size.
Variable bce_with_logits(const Variable& x, double target, Reduction reduction = Reduction::mean);
Variable bce_with_logits(const Variable& x, const Variable& target, Reduction reduction = Reduction::mean);

/// l = (x - t)^2
Variable mse(const Variable& x, double target, Reduction reduction = Reduction::mean);
Variable mse(const Variable& x, const Variable& target, Reduction reduction = Reduction::mean);
/// l = |x - t|, gradient 0 where they are equal.
Variable l1(const Variable& x, double target, Reduction reduction = Reduction::mean);
Variable l1(const Variable& x, const Variable& target, Reduction reduction = Reduction::mean);

struct SmoothL1Options {
  double beta = 1;  ///< where the parabola ends, in [0, inf); 0 makes it l1
  Reduction reduction = Reduction::mean;
};
/// With d = x - t: l = d^2 / (2 beta) where |d| < beta, |d| - beta / 2 elsewhere (Girshick 2015, eq. 3).
Variable smooth_l1(const Variable& x, double target, const SmoothL1Options& options = {});
Variable smooth_l1(const Variable& x, const Variable& target, const SmoothL1Options& options = {});

struct CrossEntropyOptions {
  double label_smoothing = 0;  ///< s in [0, 1]
  Reduction reduction = Reduction::mean;
};
/// Of logits [N, C] or [N, C, S...] and int64 labels [N] or [N, S...] in [0, C), one loss for each label:
/// l = -(1 - s) log p[label] - s / C sum_c log p[c], log p = log_softmax(logits) over the classes, exact for logits of
/// any size (the smoothing is Szegedy et al. 2016, section 7). A label outside its range throws.
Variable cross_entropy(const Variable& logits, const Tensor& labels, const CrossEntropyOptions& options = {});

/// The divergence KL(N(mu, exp(log_var)) || N(0, 1)) of each sample, mu and log_var [N, ...] of one shape:
/// l_n = -1/2 sum over all but the first dimension of (1 + log_var - mu^2 - exp(log_var)) (Kingma and Welling 2014,
/// appendix B). The reduction is over the N samples: mean is PyTorch's "batchmean".
Variable kl_gaussian(const Variable& mu, const Variable& log_var, Reduction reduction = Reduction::mean);

}  // namespace duel
