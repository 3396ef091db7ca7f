// DivergenceWatch: looks at the numbers of a run of training, and now and then at its pictures, and says when it goes
// wrong: what was seen, in numbers, and what to try.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "duel/gan/games/numbers.h"
#include "duel/nn/module.h"

namespace duel {

enum class FindingKind : std::uint8_t {
  not_finite,          ///< a number is NaN or infinite
  exploding_scores,    ///< the discriminator's mean scores lie far beyond what losses are made for
  discriminator_won,   ///< it tells all pictures apart, so that the generator learns little from it
  loss_jump,           ///< a loss lies far from where it was
  collapse,            ///< generated pictures are nearly the same
  vanishing_gradient,  ///< the generator's gradient is next to nothing
};
/// "not_finite" and so on, for logs.
std::string_view name_of(FindingKind kind);

struct Finding {
  FindingKind kind;
  std::int64_t step;
  std::string text;  ///< "the generator's loss is 812.4, where the median of the last 100 was 1.2. Try ..."
};

struct DivergenceOptions {
  double max_score = 1000;           ///< exploding_scores: a mean score beyond it, either way, ...
  std::int64_t score_patience = 20;  ///< ... in as many steps in a row
  double won_accuracy = 0.999;       ///< discriminator_won: the mean accuracy of 100 steps is not below it, or ...
  double won_loss = 0.01;  ///< ... the discriminator's losses of 100 steps are none negative, and their median below
  double jump = 20;        ///< loss_jump: from the median of 100 steps, in median absolute deviations, ...
  std::int64_t jump_patience = 3;      ///< ... in as many steps in a row
  double collapse = 0.25;              ///< collapse: the spread of generated pictures is that part of real ones' ...
  double diverse = 0.5;                ///< ... after it has been this part once, ...
  std::int64_t collapse_grace = 2000;  ///< ... or from this step on
  double vanishing = 1e-4;  ///< vanishing_gradient: the median of 100 steps is that part of the first 100 steps'
};

/// How different pictures [N, ...], N at least 2, of any dtype, are: the root of the mean squared distance between two
/// of them. NaN if an element is. In one pass over them.
double picture_spread(const Tensor& pictures);

/// The part of scores that lie on the right side of `boundary`: real ones above, those of generated pictures below. 0
/// is for scores that are logits, 0.5 for probabilities and CycleGAN's least squares. Tensors of any shapes, not both
/// empty.
double discriminator_accuracy(const Tensor& real, const Tensor& fake, double boundary = 0);

/// Thresholds are such that healthy runs give no finding: every game has its scale, so most are relative. What holds on
/// is reported once, and again only after it was gone for 100 steps (a collapse: for a look at other pictures).
class DivergenceWatch {
 public:
  /// Throws for options that make no sense.
  explicit DivergenceWatch(const DivergenceOptions& options = {});

  /// The numbers of a step, all of which should be finite. Of these names some are looked at more closely: "d_loss" and
  /// "g_loss" (or "loss"), "d_real" and "d_fake" (mean scores), "d_accuracy", "g_gradient" (the norm of the generator's
  /// gradient). Each is optional.
  std::vector<Finding> observe(std::int64_t step, const Numbers& numbers);
  /// The spread of generated pictures over that of as many real ones, of the same classes if there are any.
  std::vector<Finding> observe_spread(std::int64_t step, double ratio);
  /// The state for a checkpoint, so that a run that goes on from there finds the same.
  void visit(Visitor& v);

 private:
  /// The last values of something.
  struct Window {
    Tensor values, count;
    Window();
    void push(double value);
    bool is_full() const;
    std::vector<double> seen() const;  ///< in no particular order
    void visit(Visitor& v);
  };
  enum Side : std::int64_t { discriminator, generator };

  /// Whether a kind holds that did not lately.
  bool is_new(FindingKind kind, bool holds);
  // What is new and wrong, in words; "" for nothing.
  std::string look_at_scores(const Numbers& numbers);
  std::string look_at_losses(const Numbers& numbers);
  std::string look_at_discriminator(const Numbers& numbers);
  std::string look_at_gradient(const Numbers& numbers);
  std::string jump_of(Side side, double loss);

  DivergenceOptions options_;
  Window losses_[2], accuracies_, gradients_;
  Tensor jumps_ = Tensor::zeros({2}, {.dtype = DType::int64});            // of each loss, in a row
  Tensor large_scores_ = Tensor::zeros({}, {.dtype = DType::int64});      // in a row
  Tensor first_gradient_ = Tensor::zeros({}, {.dtype = DType::float64});  // the median of the first full window
  Tensor widest_ = Tensor::zeros({}, {.dtype = DType::float64});          // ratio of spreads so far
  Tensor quiet_ = Tensor::zeros({6}, {.dtype = DType::int64});  // looks without a finding until a kind counts as new
};

}  // namespace duel
