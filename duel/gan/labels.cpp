#include "duel/gan/labels.h"

#include <cmath>
#include <utility>

namespace duel {
namespace {

void check_options(const char* operation, const TargetOptions& o) {
  check(o.flip >= 0 && o.flip <= 1, operation, "flip must lie in [0, 1], got ", o.flip);
  for (double bound : {o.real_low, o.real_high, o.fake_low, o.fake_high})
    check(std::isfinite(bound), operation, "targets must be finite, got ", bound);
}

}  // namespace

void check_targets(const char* game, const AdversarialLoss& loss, const TargetOptions& o) {
  check_options(game, o);
  check(o == TargetOptions{} || loss.discriminator_of_targets, game, "the loss '", loss.name,
        "' does not compare scores with labels: leave out soft, smoothed and noisy ones");
}

Targets draw_targets(Rng& rng, const Variable& real, const Variable& fake, const TargetOptions& o) {
  check(real.defined() && fake.defined(), "draw_targets", "scores are undefined");
  check_options("draw_targets", o);
  std::pair real_range{o.real_low, o.real_high}, fake_range{o.fake_low, o.fake_high};
  if (rng.uniform({}, 0, 1, {.dtype = DType::float64}).item() < o.flip) std::swap(real_range, fake_range);
  const auto draw = [&](const Variable& scores, std::pair<double, double> range) {
    return rng.uniform(scores.shape(), range.first, range.second,
                       {.dtype = scores.dtype(), .device = scores.value().device()});
  };
  const Tensor of_real = draw(real, real_range);
  return {.real = of_real, .fake = draw(fake, fake_range)};
}

}  // namespace duel
