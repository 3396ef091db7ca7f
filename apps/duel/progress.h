// Progress: how far the training is, on one line of a terminal that keeps changing, or in plain lines now and then.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "duel/gan/games/numbers.h"

namespace duel::app {

class Progress {
 public:
  Progress(std::int64_t total_steps, std::int64_t images_per_step);

  /// Call after every step.
  void update(std::int64_t step, const Numbers& numbers);
  /// Ends the line, so that something else can be printed.
  void finish();

  /// Smoothed over some seconds.
  double images_per_second() const;
  /// Since this object was made.
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  static double between(Clock::time_point from, Clock::time_point to);
  std::string line(std::int64_t step, const Numbers& numbers) const;

  std::int64_t total_steps_, images_per_step_;
  bool terminal_;
  Clock::time_point start_ = Clock::now(), last_step_ = start_, last_print_ = start_;
  double recent_steps_ = 0, recent_seconds_ = 0;  // with weights that fall with age
  Numbers last_numbers_;
  std::string shown_;
};

/// "4:12", "1:00:03"
std::string duration_text(double seconds);

}  // namespace duel::app
