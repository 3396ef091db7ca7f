#include "duel/gan/ada.h"

#include <algorithm>

#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"

namespace duel {
namespace {

int sign(double x) { return (x > 0) - (x < 0); }

void add(Tensor& total, std::int64_t count) { total.fill_(total.item() + static_cast<double>(count)); }

}  // namespace

AdaptiveAugmentation::AdaptiveAugmentation(const AdaptiveAugmentationOptions& o)
    : options_(o), probability_(Tensor::full({}, o.start, {.dtype = DType::float64})) {
  check(o.target >= -1 && o.target <= 1, "AdaptiveAugmentation", "the target must lie in [-1, 1], got ", o.target);
  check(o.interval >= 1 && o.images >= 1, "AdaptiveAugmentation", "interval and images must be 1 or more, got ",
        o.interval, " and ", o.images);
  check(o.start >= 0 && o.start <= 1, "AdaptiveAugmentation", "the probability must lie in [0, 1], got ", o.start);
}

void AdaptiveAugmentation::observe(const Tensor& real_scores) {
  check(real_scores.defined() && is_floating(real_scores.dtype()) && real_scores.dim() >= 1 && real_scores.numel() > 0,
        "AdaptiveAugmentation", "needs scores [N, ...], float32 or float64, got ", real_scores);
  const Variable signs = sum(duel::sign(real_scores.to(DType::float64))).detach();
  pending_ = pending_.defined() ? (Variable(pending_) + signs).value() : signs.value();
  add(scores_, real_scores.numel());
  add(images_, real_scores.size(0));
  add(batches_, 1);
  if (batches_.item() < static_cast<double>(options_.interval)) return;

  count_pending();
  mean_sign_.fill_(signs_.item() / scores_.item());
  const double step = images_.item() / static_cast<double>(options_.images);
  probability_.fill_(std::clamp(probability() + sign(mean_sign() - options_.target) * step, 0.0, 1.0));
  for (Tensor* t : {&signs_, &scores_, &images_, &batches_}) t->fill_(0);
}

// Into a new tensor: the old one may be that of a copy too.
void AdaptiveAugmentation::count_pending() {
  if (!pending_.defined()) return;
  signs_ = Tensor::full({}, signs_.item() + pending_.item(), {.dtype = DType::int64});
  pending_ = {};
}

void AdaptiveAugmentation::visit(Visitor& v) {
  count_pending();
  v.buffer("probability", probability_);
  v.buffer("mean_sign", mean_sign_);
  v.buffer("signs", signs_);
  v.buffer("scores", scores_);
  v.buffer("images", images_);
  v.buffer("batches", batches_);
}

}  // namespace duel
