// Learning-rate schedules and ramps: pure functions of the step, so that a resumed run goes on with the same numbers.
// Only `Plateau`, which looks at how training goes, has a state.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "duel/nn/module.h"

namespace duel {

enum class RampShape : std::uint8_t { linear, cosine };

/// From one value to another, which hold before `begin` and after `end`: R3GAN's way to change rate, gamma, beta2, the
/// average's half-life and the probability of augmentation with the number of images seen.
struct Ramp {
  double from = 0, to = 1;
  double begin = 0, end = 0;  ///< in the unit of `at`'s argument; the same for a jump: `to` from there on
  RampShape shape = RampShape::cosine;

  /// Throws unless all numbers are finite and begin <= end, and at NaN.
  double at(double time) const;

  friend bool operator==(const Ramp&, const Ramp&) = default;
};

enum class ScheduleKind : std::uint8_t { constant, linear, step, multi_step, exponential, cosine, one_cycle, ramp };

/// "constant", "linear", "step", "multi_step", "exponential", "cosine", "one_cycle", "ramp".
const std::vector<std::string>& schedule_names();
/// Throws, naming the nearest one, for a name that there is not.
ScheduleKind schedule_kind(std::string_view name);
std::string_view name_of(ScheduleKind kind);

/// What a learning rate is multiplied by. Times are in the unit of the step that is asked for, steps, epochs or images,
/// all counted from 0; what a kind does not name is not used by it.
struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  /// For any kind: its factor is multiplied by one that rises from `warmup_from` to 1, linearly, over as many steps.
  std::int64_t warmup = 0;
  double warmup_from = 0;
  /// linear: 1 for `hold` steps, then to 0 over `decay`: 1 - max(0, step + 1 - hold) / (decay + 1), as in
  /// pytorch-CycleGAN-and-pix2pix (n_epochs and n_epochs_decay; its epoch_count goes with epochs counted from 1).
  std::int64_t hold = 100, decay = 100;
  double gamma = 0.1;                         ///< step, multi_step, exponential: by what the factor is multiplied ...
  std::int64_t every = 50;                    ///< step: ... after as many steps
  std::vector<std::int64_t> milestones = {};  ///< multi_step: ... from each of these on; rising
  std::int64_t total = 100;                   ///< cosine, one_cycle, ramp: steps
  /// cosine: reached at `total`, from where it rises again, as in PyTorch; ramp: the same way, but it stays (R3GAN).
  double minimum = 0;
  /// one_cycle (Smith 2018) as fastai's fit_one_cycle: from 1 / div to 1 in the first part of `total`, then to
  /// 1 / div_final, each half a cosine; momentum (Adam's beta1) from high to low and back.
  double pct_start = 0.25, div = 25, div_final = 1e5;
  double momentum_high = 0.95, momentum_low = 0.85;

  /// Throws for a negative step and for options that make no sense.
  double factor(std::int64_t step) const;
  /// one_cycle's; none for the other kinds.
  std::optional<double> momentum(std::int64_t step) const;

  friend bool operator==(const Schedule&, const Schedule&) = default;
};

/// Throws for options that make no sense.
void validate(const Schedule& schedule);

enum class PlateauMode : std::uint8_t { min, max };
enum class PlateauThreshold : std::uint8_t { relative, absolute };

struct PlateauOptions {
  PlateauMode mode = PlateauMode::min;  ///< what is good: a small number, or a large one
  double factor = 0.2;                  ///< by what the rate is multiplied
  double threshold = 0.01;              ///< by how much a number must be better than the best to count, see below
  PlateauThreshold threshold_mode = PlateauThreshold::relative;
  std::int64_t patience = 5;  ///< how many in a row may be no better
  std::int64_t cooldown = 0;  ///< how many are not counted after a reduction
  double minimum = 0;         ///< of the product of all factors
};

/// Lowers the rate when a number stops getting better: PyTorch's ReduceLROnPlateau, with the defaults of
/// pytorch-CycleGAN-and-pix2pix. Relative thresholds are those of best * (1 - threshold), or best * (1 + threshold) for
/// large numbers, and make sense for positive numbers only.
class Plateau {
 public:
  /// Throws for options that make no sense.
  explicit Plateau(const PlateauOptions& options = {});

  /// To be called with each new number, of an epoch say; NaN is no better than anything. Returns `factor()`.
  double observe(double metric);
  /// What the learning rate is to be multiplied by now.
  double factor() const { return factor_.item(); }
  /// The state for a checkpoint: "best", "bad", "cooldown", "factor".
  void visit(Visitor& v);

 private:
  bool is_better(double metric) const;

  PlateauOptions options_;
  Tensor best_, factor_;                                         // float64
  Tensor bad_ = Tensor::zeros({}, {.dtype = DType::int64});      // numbers in a row that were no better
  Tensor cooling_ = Tensor::zeros({}, {.dtype = DType::int64});  // numbers still not to be counted
};

}  // namespace duel
