#include "duel/nn/losses.h"

#include <cmath>
#include <limits>

#include "duel/autograd/check_floating.h"
#include "duel/autograd/ops.h"

namespace duel {
namespace {

Variable reduced(const char* name, const Variable& loss, Reduction reduction) {
  if (reduction == Reduction::none) return loss;
  if (reduction == Reduction::sum) return sum(loss);
  check(loss.numel() > 0, name, "the mean of no losses, shape ", loss.shape(), ": ask for Reduction::sum");
  return mean(loss);
}

void check_pair(const char* name, const Variable& x, const Variable& target) {
  check_floating(name, x);
  check(target.defined(), name, "the target is undefined");
  check(x.shape() == target.shape() && x.dtype() == target.dtype(), name, "the input ", x.value(), " and the target ",
        target.value(), " must have one shape and dtype");
}

void check_probability(const char* name, double target) {
  check(target >= 0 && target <= 1, name, "the target must lie in [0, 1], got ", target);
}

// t positive() + (1 - t) negative(), computing nothing that would be multiplied by 0.
template <class Positive, class Negative>
Variable blend(double t, const Positive& positive, const Negative& negative) {
  if (t == 1) return positive();
  if (t == 0) return negative();
  return t * positive() + (1 - t) * negative();
}
template <class Positive, class Negative>
Variable blend(const Variable& t, const Positive& positive, const Negative& negative) {
  return t * positive() + (1 - t) * negative();
}

// -log p, constant below 1e-37: the gradient 1 / p of smaller ones is no float32.
Variable minus_log(const Variable& p) { return -log(clamp(p, 1e-37, 1)); }

template <class Target>
Variable bce_elements(const Variable& p, const Target& target) {
  return blend(
      target, [&] { return minus_log(p); }, [&] { return minus_log(1 - p); });
}

template <class Target>
Variable bce_with_logits_elements(const Variable& x, const Target& target) {
  return blend(
      target, [&] { return softplus(-x); }, [&] { return softplus(x); });
}

// Without abs, whose second derivative is missing at 0: c (d - c / 2) / beta, c being d kept within [-beta, beta].
Variable smooth_l1_of(const Variable& d, const SmoothL1Options& o) {
  check(o.beta >= 0 && std::isfinite(o.beta), "smooth_l1", "beta must be a number from 0 on, got ", o.beta);
  const double least =
      d.dtype() == DType::float32 ? std::numeric_limits<float>::min() : std::numeric_limits<double>::min();
  if (o.beta < least) return reduced("smooth_l1", abs(d), o.reduction);
  const Variable c = clamp(d, -o.beta, o.beta);
  return reduced("smooth_l1", c * (d - 0.5 * c) / o.beta, o.reduction);
}

}  // namespace

Variable bce(const Variable& p, double target, Reduction reduction) {
  check_floating("bce", p);
  check_probability("bce", target);
  return reduced("bce", bce_elements(p, target), reduction);
}

Variable bce(const Variable& p, const Variable& target, Reduction reduction) {
  check_pair("bce", p, target);
  return reduced("bce", bce_elements(p, target), reduction);
}

Variable bce_with_logits(const Variable& x, double target, Reduction reduction) {
  check_floating("bce_with_logits", x);
  check_probability("bce_with_logits", target);
  return reduced("bce_with_logits", bce_with_logits_elements(x, target), reduction);
}

Variable bce_with_logits(const Variable& x, const Variable& target, Reduction reduction) {
  check_pair("bce_with_logits", x, target);
  return reduced("bce_with_logits", bce_with_logits_elements(x, target), reduction);
}

Variable mse(const Variable& x, double target, Reduction reduction) {
  check_floating("mse", x);
  return reduced("mse", square(x - target), reduction);
}

Variable mse(const Variable& x, const Variable& target, Reduction reduction) {
  check_pair("mse", x, target);
  return reduced("mse", square(x - target), reduction);
}

Variable l1(const Variable& x, double target, Reduction reduction) {
  check_floating("l1", x);
  return reduced("l1", abs(x - target), reduction);
}

Variable l1(const Variable& x, const Variable& target, Reduction reduction) {
  check_pair("l1", x, target);
  return reduced("l1", abs(x - target), reduction);
}

Variable smooth_l1(const Variable& x, double target, const SmoothL1Options& options) {
  check_floating("smooth_l1", x);
  return smooth_l1_of(x - target, options);
}

Variable smooth_l1(const Variable& x, const Variable& target, const SmoothL1Options& options) {
  check_pair("smooth_l1", x, target);
  return smooth_l1_of(x - target, options);
}

Variable cross_entropy(const Variable& logits, const Tensor& labels, const CrossEntropyOptions& o) {
  check_floating("cross_entropy", logits);
  check(logits.dim() >= 2 && logits.size(1) > 0, "cross_entropy", "needs logits [N, C, ...], got ", logits.value());
  Shape per_label = logits.shape(), wanted{logits.size(0)};
  per_label[1] = 1;
  for (int i = 2; i < logits.dim(); ++i) wanted.push_back(logits.size(i));
  check(labels.defined() && labels.dtype() == DType::int64 && labels.shape() == wanted, "cross_entropy",
        "needs int64 labels ", wanted, " for the logits ", logits.value(), ", got ", labels);
  check(o.label_smoothing >= 0 && o.label_smoothing <= 1, "cross_entropy", "label_smoothing must lie in [0, 1], got ",
        o.label_smoothing);
  const Variable log_p = log_softmax(logits, 1);
  const Variable of_labels = gather(log_p, 1, labels.reshape(per_label));  // checks them, whatever their weight
  const Variable loss = blend(
      o.label_smoothing, [&] { return -mean(log_p, {1}); }, [&] { return reshape(-of_labels, wanted); });
  return reduced("cross_entropy", loss, o.reduction);
}

Variable kl_gaussian(const Variable& mu, const Variable& log_var, Reduction reduction) {
  check_pair("kl_gaussian", mu, log_var);
  check(mu.dim() >= 2, "kl_gaussian", "needs samples [N, ...], got ", mu.value());
  const Variable elements = 0.5 * (square(mu) + exp(log_var) - log_var - 1);
  return reduced("kl_gaussian", sum(flatten(elements), {1}), reduction);
}

}  // namespace duel
