// Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up.
#pragma once

#include "duel/autograd/variable.h"
#include "duel/tensor/rng.h"

namespace duel {

/// Each element is zeroed with probability p in [0, 1), else divided by 1 - p. Draws x.numel() numbers from `rng`.
Variable dropout(const Variable& x, double p, Rng& rng);
/// The same for whole channels of x [N, C, ...].
Variable dropout2d(const Variable& x, double p, Rng& rng);

}  // namespace duel
