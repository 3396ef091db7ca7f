// Switchers: whose turn it is to be updated, the discriminator's or the generator's.
#pragma once

#include <functional>
#include <optional>

#include "duel/nn/module.h"

namespace duel {

enum class Turn : std::uint8_t { discriminator, generator };

/// The discriminator begins. Ask `turn`, make that update, and tell `observe` the loss; and again.
class Switcher {
 public:
  virtual ~Switcher() = default;
  virtual Turn turn() const = 0;
  /// The update of `turn()` has been made, with this loss. Throws, nothing having changed, for a loss that is not
  /// finite.
  virtual void observe(double loss) = 0;
  /// The state for a checkpoint.
  virtual void visit(Visitor& v) = 0;
};

/// So many updates of the one, then so many of the other (fastai's FixedGANSwitcher; BigGAN-PyTorch's num_D_steps).
class FixedSwitcher final : public Switcher {
 public:
  /// How many updates, 1 or more, at a step: the number of finished rounds of both, counted from 0. A pure function of
  /// it, so that a resumed run makes the same.
  using Updates = std::function<std::int64_t(std::int64_t step)>;

  explicit FixedSwitcher(std::int64_t discriminator = 1, std::int64_t generator = 1);
  /// The first WGAN's critic has [](std::int64_t step) { return step < 25 || step % 500 == 0 ? 100 : 5; }.
  FixedSwitcher(Updates discriminator, Updates generator);

  Turn turn() const override;
  void observe(double loss) override;
  /// "turn", "made" (updates in this turn), "step".
  void visit(Visitor& v) override;

 private:
  std::int64_t wanted(Turn turn) const;

  Updates discriminator_, generator_;
  Tensor turn_ = Tensor::zeros({}, {.dtype = DType::int64});
  Tensor made_ = Tensor::zeros({}, {.dtype = DType::int64});
  Tensor step_ = Tensor::zeros({}, {.dtype = DType::int64});
};

struct AdaptiveSwitcherOptions {
  /// A turn ends once the smoothed loss of the one whose turn it is lies below its threshold; without one, after each
  /// update.
  std::optional<double> discriminator = {}, generator = {};
  double beta = 0.98;  ///< of the smoothing, in [0, 1): average = beta average + (1 - beta) loss, over 1 - beta^n
};

/// Goes on with one until it is good enough (fastai's AdaptiveGANSwitcher, on the smoothed losses).
class AdaptiveSwitcher final : public Switcher {
 public:
  explicit AdaptiveSwitcher(const AdaptiveSwitcherOptions& options);

  Turn turn() const override;
  void observe(double loss) override;
  /// Of the losses so far; 0 before the first.
  double smoothed(Turn turn) const;
  /// "turn"; of each side, [discriminator, generator]: "average" and "count".
  void visit(Visitor& v) override;

 private:
  AdaptiveSwitcherOptions options_;
  Tensor turn_ = Tensor::zeros({}, {.dtype = DType::int64});
  Tensor average_ = Tensor::zeros({2}, {.dtype = DType::float64});
  Tensor count_ = Tensor::zeros({2}, {.dtype = DType::int64});
};

}  // namespace duel
