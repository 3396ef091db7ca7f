// What judges pictures, and how it is asked.
#pragma once

#include <functional>

#include "duel/autograd/variable.h"

namespace duel {

/// Pictures [N, ...] to one score per sample or a map of them. Penalties need it to use the pictures: a critic whose
/// scores do not depend on them has no gradient, and they throw. Where the gradient is there but zero, all penalties
/// and their gradients are finite.
using Critic = std::function<Variable(const Variable& pictures)>;

struct ScorePair {
  Variable real, fake;  ///< [N, ...] each
};

/// The scores of both from one pass over all 2 N pictures, which costs less than two passes over N: weights are read
/// and their gradients summed up once. For critics that judge each picture by itself the scores are those of two
/// passes; not for those with batch normalisation, whose users pass real and fake pictures separately. Pictures
/// [N, ...] of one shape; throws if they are not, or if the critic gives no 2 N scores.
ScorePair scores_of_both(const Critic& critic, const Variable& real, const Variable& fake);

}  // namespace duel
