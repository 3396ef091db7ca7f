// Burn-in: values that an adversarial game begins with and those that it comes to while the first pictures are seen.
#pragma once

#include <cstdint>
#include <optional>

namespace duel {

/// R3GAN's burn-in (Huang et al. 2024, appendix D; its program's final_value and total_nimg). Each value that is given
/// here is what the game's option of that name goes to, along half a cosine, while `images` are seen, and where it then
/// stays; the others stay as they are. A step sees a batch times the accumulations, however many updates it makes.
struct BurnInOptions {
  std::int64_t images = 0;  ///< 0: there is no burn-in
  std::optional<double> r1_gamma{}, r2_gamma{};
  std::optional<double> beta2{};          ///< of both sides' Adam
  std::optional<double> ema_half_life{};  ///< in images; beginning with 0 the average is a copy
  std::optional<double> augment_probability{};

  friend bool operator==(const BurnInOptions&, const BurnInOptions&) = default;
};

/// Throws for what can't be.
void validate(const BurnInOptions& options);

/// What a value that began as `first` is once so many images were seen; `first` if it goes nowhere.
double burn_in(const BurnInOptions& options, double first, const std::optional<double>& last, std::int64_t images);

}  // namespace duel
