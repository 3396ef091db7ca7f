#include "apps/duel/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include <fmt/format.h>

namespace duel::app {
namespace {

constexpr double kMemory = 5;                                  // seconds over which the speed is smoothed
constexpr double kTerminalInterval = 0.1, kPlainInterval = 5;  // seconds between two prints

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto s = static_cast<std::int64_t>(std::lround(seconds));
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60)
                  : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

Progress::Progress(std::int64_t total_steps, std::int64_t images_per_step)
    : total_steps_(total_steps), images_per_step_(images_per_step), terminal_(::isatty(STDOUT_FILENO) == 1) {}

double Progress::between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

void Progress::update(std::int64_t step, const Numbers& numbers) {
  const Clock::time_point now = Clock::now();
  const double seconds = between(last_step_, now), weight = std::exp(-seconds / kMemory);
  recent_steps_ = recent_steps_ * weight + 1;
  recent_seconds_ = recent_seconds_ * weight + seconds;
  last_step_ = now;

  if (numbers.begin() != numbers.end()) last_numbers_ = numbers;  // not all steps on a device tell them
  shown_ = line(step, last_numbers_);
  if (between(last_print_, now) < (terminal_ ? kTerminalInterval : kPlainInterval)) return;
  last_print_ = now;
  if (terminal_)
    fmt::print("\r{}\x1b[K", shown_.substr(0, terminal_columns() - 1));
  else
    fmt::print("{}\n", shown_);
  std::fflush(stdout);
}

void Progress::finish() {
  if (shown_.empty()) return;
  if (terminal_)
    fmt::print("\r{}\x1b[K\n", shown_.substr(0, terminal_columns() - 1));
  else
    fmt::print("{}\n", shown_);
  std::fflush(stdout);
  shown_.clear();
}

std::string Progress::line(std::int64_t step, const Numbers& numbers) const {
  const double left = static_cast<double>(total_steps_ - step) * recent_seconds_ / recent_steps_;
  std::string losses;
  for (const auto& [name, label] : {std::pair("d_loss", "D"), {"g_loss", "G"}, {"loss", "loss"}})
    if (const double* value = numbers.find(name)) losses += fmt::format("  {} {:.3f}", label, *value);
  return fmt::format("step {}/{}  {:3}%  {:.0f} images/s{}  {} left", step, total_steps_, 100 * step / total_steps_,
                     images_per_second(), losses, duration_text(left));
}

double Progress::images_per_second() const {
  return recent_seconds_ > 0 ? recent_steps_ * static_cast<double>(images_per_step_) / recent_seconds_ : 0;
}

double Progress::seconds() const { return between(start_, Clock::now()); }

}  // namespace duel::app
