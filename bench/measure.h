// Timing, and what the machine reaches at best.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace duel::bench {

/// What a piece of work has to do at least: arithmetic by the direct algorithms, or bytes read and written.
struct Work {
  double gflop = 0, gbyte = 0;
};

struct Result {
  std::string name;
  Work work;
  std::vector<double> seconds;  ///< sorted
  double median() const { return seconds[seconds.size() / 2]; }
};

double seconds_of(const std::function<void()>& f);

struct Trial {
  std::string name;
  Work work;
  std::function<void()> run;
};

/// `repeat` runs of each, after two to fill buffers and caches. They take turns, so that all of them meet the machine's
/// fast and slow moments.
std::vector<Result> measure(const std::vector<Trial>& trials, int repeat);

/// The machine may be faster at one moment than at another: the best of many moments counts.
struct Peaks {
  double gflops = 0, copy_gbytes = 0;  ///< a second

  void look_again();
};

/// The most memory that this program has held so far, in MB (10^6 bytes); 0 where the system does not tell.
double peak_resident_mb();

}  // namespace duel::bench
