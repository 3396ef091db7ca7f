// Oversight: watches the numbers of a run for signs that it goes wrong, and remembers how good it has been.
#pragma once

#include "apps/duel/options.h"
#include "duel/gan/divergence_watch.h"

namespace duel::app {

class Oversight {
 public:
  explicit Oversight(const TrainOptions& options);

  /// To be told after each step. What looks wrong, in words.
  std::vector<Finding> observe(std::int64_t step, const Numbers& numbers);
  /// To be told of a plug-in's criterion before the question whether it is the best.
  void observe_criterion(double value);
  /// To be told of the diversity of each snapshot.
  std::vector<Finding> observe_diversity(std::int64_t step, double diversity);
  /// Whether the criterion's mean since the last question is better than ever; no without a criterion.
  bool is_best();
  std::int64_t rollbacks() const { return static_cast<std::int64_t>(rollbacks_.item()); }
  void set_rollbacks(std::int64_t count) { *rollbacks_.mutable_data<std::int64_t>() = count; }
  /// The state for a checkpoint, sharing memory.
  StateDict state() { return state_dict(*this); }
  void visit(Visitor& v);

 private:
  std::string criterion_;  // a number's name; "" for none, and for a plug-in's
  bool larger_is_better_ = false;
  bool turns_;  // a step has the numbers of one side only
  DivergenceWatch watch_;
  Tensor sum_ = Tensor::zeros({2}, {.dtype = DType::float64});   // of the criterion, and their number
  Tensor best_ = Tensor::zeros({2}, {.dtype = DType::float64});  // 1 and the best mean, once there is one
  Tensor rollbacks_ = Tensor::zeros({}, {.dtype = DType::int64});
};

}  // namespace duel::app
