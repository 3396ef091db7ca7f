#include "duel/gan/games/burn_in.h"

#include <cmath>

#include "duel/nn/schedules.h"
#include "duel/tensor/error.h"

namespace duel {

void validate(const BurnInOptions& o) {
  const bool any = o.r1_gamma || o.r2_gamma || o.beta2 || o.ema_half_life || o.augment_probability;
  check(o.images >= 0 && (o.images > 0 || !any), "burn_in",
        "needs to know in how many images its values are reached, 1 or more, got ", o.images);
  for (const auto& value : {o.r1_gamma, o.r2_gamma, o.ema_half_life})
    check(!value || (std::isfinite(*value) && *value >= 0), "burn_in",
          "gammas and half-lives must be finite and not negative, got ", value.value_or(0));
  check(!o.beta2 || (*o.beta2 >= 0 && *o.beta2 < 1), "burn_in", "beta2 must lie in [0, 1), got ", o.beta2.value_or(0));
  check(!o.augment_probability || (*o.augment_probability >= 0 && *o.augment_probability <= 1), "burn_in",
        "a probability must lie in [0, 1], got ", o.augment_probability.value_or(0));
}

double burn_in(const BurnInOptions& o, double first, const std::optional<double>& last, std::int64_t images) {
  if (!last) return first;
  return Ramp{.from = first, .to = *last, .end = static_cast<double>(o.images)}.at(static_cast<double>(images));
}

}  // namespace duel
