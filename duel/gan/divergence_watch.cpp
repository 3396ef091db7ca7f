#include "duel/gan/divergence_watch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"

namespace duel {
namespace {

constexpr std::int64_t kWindow = 100;
constexpr std::array<std::string_view, 6> kNames{"not_finite", "exploding_scores", "discriminator_won",
                                                 "loss_jump",  "collapse",         "vanishing_gradient"};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::string_view name_of(FindingKind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

double picture_spread(const Tensor& pictures) {
  check(pictures.defined() && pictures.dim() >= 1 && pictures.size(0) >= 2, "picture_spread",
        "needs two pictures [N, ...] or more, got ", pictures);
  const NoGrad no_grad;
  const Variable x = pictures.to(DType::float64);
  const Variable from_mean = x - mean(x, {0}, KeepDims::yes);
  return std::sqrt(2 * sum(square(from_mean)).item() / static_cast<double>(pictures.size(0) - 1));
}

double discriminator_accuracy(const Tensor& real, const Tensor& fake, double boundary) {
  check(real.defined() && fake.defined() && real.numel() + fake.numel() > 0, "discriminator_accuracy",
        "needs scores, got ", real, " and ", fake);
  std::int64_t right = 0;
  const auto count = [&](const Tensor& scores, double sign) {
    for (const double score : scores.to(DType::float64).to_vector<double>()) right += sign * (score - boundary) > 0;
  };
  count(real, 1);
  count(fake, -1);
  return static_cast<double>(right) / static_cast<double>(real.numel() + fake.numel());
}

DivergenceWatch::Window::Window()
    : values(Tensor::zeros({kWindow}, {.dtype = DType::float64})), count(Tensor::zeros({}, {.dtype = DType::int64})) {}

void DivergenceWatch::Window::push(double value) {
  const auto n = static_cast<std::int64_t>(count.item());
  values.mutable_data<double>()[n % kWindow] = value;
  count.fill_(static_cast<double>(n + 1));
}

bool DivergenceWatch::Window::is_full() const { return count.item() >= static_cast<double>(kWindow); }

std::vector<double> DivergenceWatch::Window::seen() const {
  const double* const v = values.data<double>();
  return {v, v + std::min(kWindow, static_cast<std::int64_t>(count.item()))};
}

void DivergenceWatch::Window::visit(Visitor& v) {
  v.buffer("values", values);
  v.buffer("count", count);
}

DivergenceWatch::DivergenceWatch(const DivergenceOptions& o) : options_(o) {
  for (double limit : {o.max_score, o.won_accuracy, o.won_loss, o.jump, o.collapse, o.diverse, o.vanishing})
    check(std::isfinite(limit) && limit >= 0, "DivergenceWatch", "limits must be finite and not negative, got ", limit);
  check(o.score_patience >= 1 && o.jump_patience >= 1 && o.collapse_grace >= 0, "DivergenceWatch",
        "patience must be 1 or more and the grace not negative, got ", o.score_patience, ", ", o.jump_patience, " and ",
        o.collapse_grace);
}

bool DivergenceWatch::is_new(FindingKind kind, bool holds) {
  Tensor looks = quiet_.select(0, static_cast<std::int64_t>(kind));
  const bool was_quiet = looks.item() == 0;
  const double rest = kind == FindingKind::collapse ? 1 : static_cast<double>(kWindow);  // few looks are at pictures
  looks.fill_(holds ? rest : std::max(0.0, looks.item() - 1));
  return holds && was_quiet;
}

std::vector<Finding> DivergenceWatch::observe(std::int64_t step, const Numbers& numbers) {
  std::vector<Finding> found;
  const auto add = [&](FindingKind kind, std::string text) {
    if (!text.empty()) found.push_back({kind, step, std::move(text)});
  };
  const auto broken =
      std::find_if(numbers.begin(), numbers.end(), [](const auto& n) { return !std::isfinite(n.second); });
  const bool finite = broken == numbers.end();
  if (is_new(FindingKind::not_finite, !finite))
    add(FindingKind::not_finite,
        cat(broken->first, " is ", broken->second,
            ": something has overflowed. Go back to an earlier checkpoint with lower learning rates; limit the norm of "
            "the gradients; DetectAnomaly (duel train --detect-anomaly) names the operation"));
  if (!finite) return found;
  add(FindingKind::exploding_scores, look_at_scores(numbers));
  add(FindingKind::loss_jump, look_at_losses(numbers));
  add(FindingKind::discriminator_won, look_at_discriminator(numbers));
  add(FindingKind::vanishing_gradient, look_at_gradient(numbers));
  return found;
}

std::string DivergenceWatch::look_at_scores(const Numbers& numbers) {
  double largest = 0;
  for (const char* name : {"d_real", "d_fake"})
    if (const double* score = numbers.find(name); score && std::abs(*score) > std::abs(largest)) largest = *score;
  large_scores_.fill_(std::abs(largest) > options_.max_score ? large_scores_.item() + 1 : 0);
  if (!is_new(FindingKind::exploding_scores, large_scores_.item() >= static_cast<double>(options_.score_patience)))
    return "";
  return cat("the discriminator's mean score is ", largest, ", beyond ", options_.max_score, " ",
             options_.score_patience,
             " times in a row: its weights grow without bound. Lower its learning rate, or bound it: R1, a gradient "
             "penalty, spectral norms, clipped weights");
}

std::string DivergenceWatch::look_at_losses(const Numbers& numbers) {
  const double *const d_loss = numbers.find("d_loss"), *g_loss = numbers.find("g_loss");
  if (!g_loss) g_loss = numbers.find("loss");
  const std::string of_discriminator = d_loss ? jump_of(discriminator, *d_loss) : "";
  const std::string of_generator = g_loss ? jump_of(generator, *g_loss) : "";
  const std::string& jump = of_discriminator.empty() ? of_generator : of_discriminator;
  if (!is_new(FindingKind::loss_jump, !jump.empty())) return "";
  return jump +
         ": training has lost its balance. Go back to an earlier checkpoint with lower learning rates, or limit the "
         "norm of the gradients";
}

std::string DivergenceWatch::jump_of(Side side, double loss) {
  Window& window = losses_[side];
  double usual = 0;
  bool far = false;
  if (window.is_full()) {
    std::vector<double> distances = window.seen();
    usual = median(distances);
    for (double& d : distances) d = std::abs(d - usual);
    // Losses that hardly move have hardly any deviation, so they count as moving by a little: those of a discriminator
    // that is nearly always right, and of a generator whose scores have kept still, jump by 2 or 3 in healthy runs.
    const double deviation = std::max({median(distances), 0.05 * std::abs(usual), 0.25});
    far = std::abs(loss - usual) > options_.jump * deviation;
  }
  window.push(loss);
  Tensor in_a_row = jumps_.select(0, side);
  in_a_row.fill_(far ? in_a_row.item() + 1 : 0);
  if (in_a_row.item() < static_cast<double>(options_.jump_patience)) return "";
  return cat("the ", side == discriminator ? "discriminator" : "generator", "'s loss is ", loss,
             ", where the median of ", kWindow, " steps was ", usual);
}

std::string DivergenceWatch::look_at_discriminator(const Numbers& numbers) {
  if (const double* accuracy = numbers.find("d_accuracy")) accuracies_.push(*accuracy);
  double accuracy = 0, loss = 0;
  if (accuracies_.is_full()) {
    const std::vector<double> seen = accuracies_.seen();
    accuracy = std::accumulate(seen.begin(), seen.end(), 0.0) / static_cast<double>(seen.size());
  }
  bool lossless = false;
  if (const Window& losses = losses_[discriminator]; losses.is_full()) {
    const std::vector<double> seen = losses.seen();
    loss = median(seen);
    lossless = loss < options_.won_loss && *std::min_element(seen.begin(), seen.end()) >= 0;
  }
  const bool sure = accuracies_.is_full() && accuracy >= options_.won_accuracy;
  if (!is_new(FindingKind::discriminator_won, sure || lossless)) return "";
  return cat(sure ? cat("the discriminator tells ", 100 * accuracy, " % of the pictures apart")
                  : cat("the median of the discriminator's losses is ", loss),
             ", over ", kWindow,
             " steps: the generator learns little from it. Lower the discriminator's learning rate or its number of "
             "updates, augment the pictures, or regularise it: R1, a gradient penalty, smoothed labels");
}

std::string DivergenceWatch::look_at_gradient(const Numbers& numbers) {
  const double* const norm = numbers.find("g_gradient");
  if (!norm) return "";
  gradients_.push(*norm);
  if (!gradients_.is_full()) return "";
  const double now = median(gradients_.seen());
  if (first_gradient_.item() == 0) first_gradient_.fill_(now);
  if (!is_new(FindingKind::vanishing_gradient, now <= options_.vanishing * first_gradient_.item())) return "";
  return cat("the median norm of the generator's gradient is ", now, " over ", kWindow, " steps, after ",
             first_gradient_.item(),
             " in the beginning: it no longer learns. Lower the generator's learning rate if its pictures are "
             "saturated, the discriminator's if that is sure of everything, or choose another loss than minimax");
}

std::vector<Finding> DivergenceWatch::observe_spread(std::int64_t step, double ratio) {
  if (!std::isfinite(ratio))
    return {
        {FindingKind::not_finite, step, "generated pictures hold NaN or infinity: go back to an earlier checkpoint"}};
  widest_.fill_(std::max(widest_.item(), ratio));
  const bool was_diverse = widest_.item() >= options_.diverse;
  if (!is_new(FindingKind::collapse, ratio < options_.collapse && (was_diverse || step >= options_.collapse_grace)))
    return {};
  return {{FindingKind::collapse, step,
           cat("generated pictures differ from each other by ", ratio, " of what real ones do",
               was_diverse ? cat(", after ", widest_.item()) : "",
               ": the generator makes nearly the same of any noise. Go back to an earlier checkpoint with a lower "
               "generator's learning rate; more discriminator updates, larger batches, augmentation or another loss")}};
}

void DivergenceWatch::visit(Visitor& v) {
  v.child("d_losses", losses_[discriminator]);
  v.child("g_losses", losses_[generator]);
  v.child("accuracies", accuracies_);
  v.child("gradients", gradients_);
  v.buffer("jumps", jumps_);
  v.buffer("large_scores", large_scores_);
  v.buffer("first_gradient", first_gradient_);
  v.buffer("widest", widest_);
  v.buffer("quiet", quiet_);
}

}  // namespace duel
