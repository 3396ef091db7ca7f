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
  return learn(std::vector(static_cast<std::size_t>(learning_.accumulations), loss), Doing::now).item();
}

void Player::refuse(double loss) const {
  throw NotFinite(cat("training: the ", name_, "'s loss became ", loss, " in its update ", optimizer_->steps(),
                      "; nothing was updated with it. Lower the learning rate, or go back to an earlier checkpoint"));
}

double Player::value_of(const Tensor& mean_loss) const {
  const double value = mean_loss.item();
  if (!std::isfinite(value)) refuse(value);
  return value;
}

Tensor Player::learn(const std::vector<std::function<Variable()>>& losses, Doing doing) {
  Variables total;
  Variable recorded_mean;
  double mean = 0;
  const auto count = static_cast<double>(losses.size());
  for (const auto& loss : losses) {
    Variable one = loss();
    if (doing == Doing::now) {
      const double value = value_of(one.value());
      mean += value / count;
    } else {
      Variable share = cast(one.detach(), DType::float64);
      if (count > 1) share = share / count;
      recorded_mean = recorded_mean.defined() ? recorded_mean + share : share;
    }
    if (count > 1) one = one / count;
    // A network may have what it does not use, as Ganzo's U-generator its last norm; PyTorch leaves that alone too.
    accumulate(total, gradients(std::move(one), *optimizer_, {.allow_unused = true}));
  }
  if (std::exchange(watched_, false)) keep_norms(total);
  Tensor norm;
  if (learning_.clip_norm > 0) norm = clip_grad_norm(total, learning_.clip_norm);
  if (doing == Doing::now) {
    if (norm.defined()) static_cast<void>(value_of(norm));
    optimizer_->step(total);
    return Tensor::scalar(mean, DType::float64);
  }
  const NoGrad no_grad;
  const Variable watched = norm.defined() ? recorded_mean + 0 * Variable(norm) : recorded_mean;
  // health + 0 (watched - health): NaN from the first loss on that is not finite
  backend(health_.device()).binary(BinaryOp::lerp, health_, watched.value(), health_, {0});
  health_.storage()->bump_version();
  optimizer_->update(total, watched.value());
  return (recorded_mean + health_).value();
}

void Player::keep_norms(const Variables& gradients) {
  norms_.clear();
  const NoGrad no_grad;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    norms_.emplace_back(optimizer_->names()[i], std::sqrt(sum(square(gradients[i])).item()));
  }
}

CapturedStep::Outputs learn(CapturedStep& step, const CapturedStep::Inputs& inputs, const CapturedStep::Work& work,
                            const std::vector<Player*>& players, const std::vector<Player*>& learning) {
  CapturedStep::Inputs all = inputs;
  for (Player* player : players) all.variant += cat(", casts ", player->optimizer().keep_casts());
  bool is_watched = false;
  for (Player* player : learning) {
    is_watched = is_watched || player->is_watched();
    all.variant +=
        cat(", frozen ", player->optimizer().freezes(), ", averages ", player->optimizer().averages().size());
  }
  const auto begin = [&] {
    for (Player* player : learning) player->begin_update();
  };
  const CapturedStep::Outputs outputs = is_watched ? work(inputs, Doing::now) : step(all, work, begin);
  for (Player* player : players) player->optimizer().check_casts();
  return outputs;
}

}  // namespace duel
