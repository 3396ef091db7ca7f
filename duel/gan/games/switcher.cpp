#include "duel/gan/games/switcher.h"

#include <cmath>
#include <utility>

namespace duel {
namespace {

Turn turn_of(const Tensor& t) { return t.item() == 0 ? Turn::discriminator : Turn::generator; }

void switch_turn(Tensor& t) { t.fill_(turn_of(t) == Turn::discriminator ? 1 : 0); }

void check_loss(double loss) { check(std::isfinite(loss), "Switcher", "the loss must be finite, got ", loss); }

FixedSwitcher::Updates always(std::int64_t count) {
  return [count](std::int64_t) { return count; };
}

}  // namespace

FixedSwitcher::FixedSwitcher(std::int64_t discriminator, std::int64_t generator)
    : FixedSwitcher(always(discriminator), always(generator)) {}

FixedSwitcher::FixedSwitcher(Updates discriminator, Updates generator)
    : discriminator_(std::move(discriminator)), generator_(std::move(generator)) {
  check(discriminator_ && generator_, "FixedSwitcher", "needs a function for each side");
  for (Turn turn : {Turn::discriminator, Turn::generator}) static_cast<void>(wanted(turn));  // throws for 0
}

std::int64_t FixedSwitcher::wanted(Turn turn) const {
  const auto step = static_cast<std::int64_t>(step_.item());
  const std::int64_t count = turn == Turn::discriminator ? discriminator_(step) : generator_(step);
  check(count >= 1, "FixedSwitcher", "needs 1 or more updates of each side, got ", count, " of the ",
        turn == Turn::discriminator ? "discriminator" : "generator", " at step ", step);
  return count;
}

Turn FixedSwitcher::turn() const { return turn_of(turn_); }

void FixedSwitcher::observe(double loss) {
  check_loss(loss);
  const std::int64_t made = static_cast<std::int64_t>(made_.item()) + 1;
  if (made < wanted(turn())) {
    made_.fill_(static_cast<double>(made));
    return;
  }
  made_.fill_(0);
  if (turn() == Turn::generator) step_.fill_(step_.item() + 1);
  switch_turn(turn_);
}

void FixedSwitcher::visit(Visitor& v) {
  v.buffer("turn", turn_);
  v.buffer("made", made_);
  v.buffer("step", step_);
}

AdaptiveSwitcher::AdaptiveSwitcher(const AdaptiveSwitcherOptions& o) : options_(o) {
  check(o.beta >= 0 && o.beta < 1, "AdaptiveSwitcher", "beta must lie in [0, 1), got ", o.beta);
  for (const std::optional<double>& threshold : {o.discriminator, o.generator})
    check(!threshold || std::isfinite(*threshold), "AdaptiveSwitcher", "thresholds must be finite, got ",
          threshold.value_or(0));
}

Turn AdaptiveSwitcher::turn() const { return turn_of(turn_); }

double AdaptiveSwitcher::smoothed(Turn turn) const {
  const auto side = static_cast<std::int64_t>(turn);
  const double count = count_.select(0, side).item();
  return count == 0 ? 0 : average_.select(0, side).item() / (1 - std::pow(options_.beta, count));
}

void AdaptiveSwitcher::observe(double loss) {
  check_loss(loss);
  const auto side = static_cast<std::int64_t>(turn());
  Tensor average = average_.select(0, side), count = count_.select(0, side);
  average.fill_(options_.beta * average.item() + (1 - options_.beta) * loss);
  count.fill_(count.item() + 1);
  const std::optional<double>& threshold = turn() == Turn::discriminator ? options_.discriminator : options_.generator;
  if (!threshold || smoothed(turn()) < *threshold) switch_turn(turn_);
}

void AdaptiveSwitcher::visit(Visitor& v) {
  v.buffer("turn", turn_);
  v.buffer("average", average_);
  v.buffer("count", count_);
}

}  // namespace duel
