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

/// `repeat` runs after one or more to fill buffers and caches.
Result measure(const std::string& name, Work work, int repeat, const std::function<void()>& f);

/// The machine may be faster at one moment than at another: the best of many moments counts.
struct Peaks {
  double gflops = 0, copy_gbytes = 0;  ///< a second

  void look_again();
};

/// The most memory that this program has held so far, in MB (10^6 bytes); 0 where the system does not tell.
double peak_resident_mb();

}  // namespace duel::bench
