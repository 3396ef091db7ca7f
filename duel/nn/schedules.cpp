#include "duel/nn/schedules.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "duel/tensor/nearest.h"

namespace duel {
namespace {

// One cycle's two halves: from `first` to `middle`, which is at its peak's place, then to `last`.
double two_ramps(const Schedule& s, std::int64_t step, double first, double middle, double last) {
  const double time = static_cast<double>(step), total = static_cast<double>(s.total), peak = s.pct_start * total;
  return time < peak ? Ramp{.from = first, .to = middle, .begin = 0, .end = peak}.at(time)
                     : Ramp{.from = middle, .to = last, .begin = peak, .end = total}.at(time);
}

double factor_of_kind(const Schedule& s, std::int64_t step) {
  const double time = static_cast<double>(step);
  switch (s.kind) {
    case ScheduleKind::constant: return 1;
    case ScheduleKind::linear: {
      const double late = static_cast<double>(std::max<std::int64_t>(0, step + 1 - s.hold));
      return std::max(0.0, 1 - late / static_cast<double>(s.decay + 1));
    }
    case ScheduleKind::step: return std::pow(s.gamma, static_cast<double>(step / s.every));
    case ScheduleKind::multi_step: {
      const auto passed = std::upper_bound(s.milestones.begin(), s.milestones.end(), step) - s.milestones.begin();
      return std::pow(s.gamma, static_cast<double>(passed));
    }
    case ScheduleKind::exponential: return std::pow(s.gamma, time);
    case ScheduleKind::cosine: {
      const double angle = std::numbers::pi * time / static_cast<double>(s.total);
      return s.minimum + (1 - s.minimum) * (1 + std::cos(angle)) / 2;
    }
    case ScheduleKind::one_cycle: return two_ramps(s, step, 1 / s.div, 1, 1 / s.div_final);
    case ScheduleKind::ramp: return Ramp{.from = 1, .to = s.minimum, .end = static_cast<double>(s.total)}.at(time);
  }
  fail("Schedule", "there is no schedule of kind ", static_cast<int>(s.kind));
}

}  // namespace

double Ramp::at(double time) const {
  check(std::isfinite(from) && std::isfinite(to) && std::isfinite(begin) && std::isfinite(end) && begin <= end, "Ramp",
        "needs finite numbers and begin <= end, got from ", from, " to ", to, ", begin ", begin, ", end ", end);
  check(!std::isnan(time), "Ramp", "was asked for its value at NaN");
  if (time >= end) return to;
  if (time <= begin) return from;
  const double part = (time - begin) / (end - begin);
  return from + (to - from) * (shape == RampShape::linear ? part : (1 - std::cos(std::numbers::pi * part)) / 2);
}

const std::vector<std::string>& schedule_names() {
  static const std::vector<std::string> names{"constant",    "linear", "step",      "multi_step",
                                              "exponential", "cosine", "one_cycle", "ramp"};  // as in ScheduleKind
  return names;
}

ScheduleKind schedule_kind(std::string_view name) {
  const std::vector<std::string>& names = schedule_names();
  const auto found = std::find(names.begin(), names.end(), name);
  check(found != names.end(), "schedule_kind", "there is no schedule '", name, "'", nearest(name, names));
  return static_cast<ScheduleKind>(found - names.begin());
}

std::string_view name_of(ScheduleKind kind) { return schedule_names().at(static_cast<std::size_t>(kind)); }

void validate(const Schedule& s) {
  const auto is_part = [](double x) { return x >= 0 && x <= 1; };
  check(s.warmup >= 0 && is_part(s.warmup_from), "Schedule",
        "warmup must not be negative and warmup_from lie in [0, 1], got ", s.warmup, " and ", s.warmup_from);
  check(s.hold >= 0 && s.decay >= 0, "Schedule", "hold and decay must not be negative, got ", s.hold, " and ", s.decay);
  check(std::isfinite(s.gamma) && s.gamma > 0, "Schedule", "gamma must be finite and positive, got ", s.gamma);
  check(s.every >= 1 && s.total >= 1, "Schedule", "every and total must be 1 or more, got ", s.every, " and ", s.total);
  check(std::is_sorted(s.milestones.begin(), s.milestones.end()), "Schedule", "milestones must rise");
  check(is_part(s.minimum), "Schedule", "the minimum is a part of the rate, in [0, 1], got ", s.minimum);
  check(is_part(s.pct_start) && s.div >= 1 && s.div_final >= 1, "Schedule",
        "pct_start must lie in [0, 1], div and div_final be 1 or more, got ", s.pct_start, ", ", s.div, " and ",
        s.div_final);
  for (double momentum : {s.momentum_high, s.momentum_low})
    check(momentum >= 0 && momentum < 1, "Schedule", "momenta must lie in [0, 1), got ", momentum);
}

double Schedule::factor(std::int64_t step) const {
  validate(*this);
  check(step >= 0, "Schedule", "steps are counted from 0, got ", step);
  const Ramp rise{warmup_from, 1, 0, static_cast<double>(warmup), RampShape::linear};
  return rise.at(static_cast<double>(step)) * factor_of_kind(*this, step);
}

std::optional<double> Schedule::momentum(std::int64_t step) const {
  validate(*this);
  check(step >= 0, "Schedule", "steps are counted from 0, got ", step);
  if (kind != ScheduleKind::one_cycle) return std::nullopt;
  return two_ramps(*this, step, momentum_high, momentum_low, momentum_high);
}

Plateau::Plateau(const PlateauOptions& o)
    : options_(o),
      best_(Tensor::full({}, (o.mode == PlateauMode::min ? 1 : -1) * std::numeric_limits<double>::infinity(),
                         {.dtype = DType::float64})),
      factor_(Tensor::full({}, 1, {.dtype = DType::float64})) {
  check(o.factor >= 0 && o.factor < 1, "Plateau", "the factor must lie in [0, 1), got ", o.factor);
  check(std::isfinite(o.threshold) && o.threshold >= 0 &&
            (o.threshold < 1 || o.threshold_mode == PlateauThreshold::absolute),
        "Plateau", "the threshold must be finite and not negative, a relative one below 1, got ", o.threshold);
  check(o.patience >= 0 && o.cooldown >= 0, "Plateau", "patience and cooldown must not be negative, got ", o.patience,
        " and ", o.cooldown);
  check(o.minimum >= 0 && o.minimum <= 1, "Plateau", "the minimum must lie in [0, 1], got ", o.minimum);
}

bool Plateau::is_better(double metric) const {
  const double best = best_.item(), sign = options_.mode == PlateauMode::min ? -1 : 1;
  const double wanted = options_.threshold_mode == PlateauThreshold::relative ? best * (1 + sign * options_.threshold)
                                                                              : best + sign * options_.threshold;
  return sign * metric > sign * wanted;
}

double Plateau::observe(double metric) {
  double bad = bad_.item() + 1, cooling = cooling_.item();
  if (is_better(metric)) {
    best_.fill_(metric);
    bad = 0;
  }
  if (cooling > 0) {
    --cooling;
    bad = 0;
  }
  if (bad > static_cast<double>(options_.patience)) {
    factor_.fill_(std::max(factor() * options_.factor, options_.minimum));
    cooling = static_cast<double>(options_.cooldown);
    bad = 0;
  }
  bad_.fill_(bad);
  cooling_.fill_(cooling);
  return factor();
}

void Plateau::visit(Visitor& v) {
  v.buffer("best", best_);
  v.buffer("bad", bad_);
  v.buffer("cooldown", cooling_);
  v.buffer("factor", factor_);
}

}  // namespace duel
