#include "duel/gan/critic.h"

#include "duel/autograd/shape_ops.h"

namespace duel {

ScorePair scores_of_both(const Critic& critic, const Variable& real, const Variable& fake) {
  check(real.shape() == fake.shape() && real.dim() > 0, "scores_of_both", "real pictures ", real.shape(),
        " and fake ones ", fake.shape(), " differ in shape");
  const std::int64_t n = real.size(0);
  const Variable scores = critic(concat({real, fake}, 0));
  check(scores.dim() > 0 && scores.size(0) == 2 * n, "scores_of_both", "the critic gives ", scores.shape(), " for ",
        2 * n, " pictures; its first dimension must be theirs");
  return {slice(scores, 0, 0, n), slice(scores, 0, n, 2 * n)};
}

}  // namespace duel
