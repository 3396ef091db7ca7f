#include "duel/gan/games/player.h"

#include <cmath>

#include "duel/autograd/ops.h"

namespace duel {

LearningOptions Player::checked(const LearningOptions& o) {
  check(o.accumulations >= 1, "Player", "accumulations must be 1 or more, got ", o.accumulations);
  check(o.clip_norm >= 0, "Player", "clip_norm must not be negative, got ", o.clip_norm);
  return o;
}

double Player::minimize(const std::function<Variable()>& loss) {
  Variables total;
  double mean = 0;
  const auto count = static_cast<double>(learning_.accumulations);
  for (std::int64_t i = 0; i < learning_.accumulations; ++i) {
    Variable one = loss();
    const double value = one.item();
    if (!std::isfinite(value))
      throw NotFinite(cat("training: the ", name_, "'s loss became ", value, " in its update ", optimizer_->steps(),
                          "; nothing was updated with it. Lower the learning rate, or go back to an earlier "
                          "checkpoint"));
    mean += value / count;
    if (count > 1) one = one / count;
    accumulate(total, gradients(std::move(one), *optimizer_));
  }
  if (std::exchange(watched_, false)) keep_norms(total);
  if (learning_.clip_norm > 0) clip_grad_norm(total, learning_.clip_norm);
  optimizer_->step(total);
  return mean;
}

void Player::keep_norms(const Variables& gradients) {
  norms_.clear();
  const NoGrad no_grad;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    norms_.emplace_back(optimizer_->names()[i], std::sqrt(sum(square(gradients[i])).item()));
  }
}

}  // namespace duel
