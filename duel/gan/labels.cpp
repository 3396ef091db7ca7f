#include "duel/gan/labels.h"

#include <cmath>
#include <utility>

#include "duel/autograd/compare.h"

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
  const std::pair real_range{o.real_low, o.real_high}, fake_range{o.fake_low, o.fake_high};
  const Tensor chance = rng.uniform({}, 0, 1, {.dtype = DType::float64, .device = real.value().device()});
  // From its own range, or with the same numbers from the other one.
  const auto draw = [&](const Variable& scores, std::pair<double, double> own, std::pair<double, double> other) {
    const TensorOptions options{scores.dtype(), scores.value().device()};
    Rng again = rng;
    const Tensor drawn = rng.uniform(scores.shape(), own.first, own.second, options);
    if (o.flip == 0) return drawn;
    return where(lt(chance, o.flip), again.uniform(scores.shape(), other.first, other.second, options), drawn).value();
  };
  const Tensor of_real = draw(real, real_range, fake_range);
  return {.real = of_real, .fake = draw(fake, fake_range, real_range)};
}

}  // namespace duel
