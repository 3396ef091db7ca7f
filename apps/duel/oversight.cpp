#include "apps/duel/oversight.h"

#include <tuple>

namespace duel::app {

Oversight::Oversight(const TrainOptions& o)
    : turns_(o.switch_discriminator > 0 || o.switch_generator > 0 || o.pretrain_generator > 0 ||
             o.pretrain_discriminator > 0) {
  std::tie(criterion_, larger_is_better_) = best_criterion(o);
  if (parts().criteria.find(criterion_)) criterion_.clear();
}

void Oversight::observe_criterion(double value) {
  double* sum = sum_.mutable_data<double>();
  sum[0] = value;
  sum[1] = 1;
}

std::vector<Finding> Oversight::observe(std::int64_t step, const Numbers& numbers) {
  if (!criterion_.empty()) {
    const double* value = numbers.find(criterion_);
    if (!value && !turns_) {
      std::string names;
      for (const auto& [name, number] : numbers) names += (names.empty() ? "" : ", ") + name;
      throw UsageError(cat("--best: a step has no number '", criterion_, "'; it has ", names));
    }
    double* sum = sum_.mutable_data<double>();
    if (value) sum[0] += *value, sum[1] += 1;
  }
  return watch_.observe(step, numbers);
}

std::vector<Finding> Oversight::observe_diversity(std::int64_t step, double diversity) {
  return watch_.observe_spread(step, diversity);
}

bool Oversight::is_best() {
  double *sum = sum_.mutable_data<double>(), *best = best_.mutable_data<double>();
  if (sum[1] == 0) return false;
  const double mean = sum[0] / sum[1];
  sum[0] = sum[1] = 0;
  if (best[0] == 1 && !(larger_is_better_ ? mean > best[1] : mean < best[1])) return false;
  best[0] = 1;
  best[1] = mean;
  return true;
}

void Oversight::visit(Visitor& v) {
  v.child("watch", watch_);
  v.buffer("criterion_sum", sum_);
  v.buffer("criterion_best", best_);
  v.buffer("rollbacks", rollbacks_);
}

}  // namespace duel::app
