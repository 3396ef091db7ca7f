#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

#include "duel/duel.h"
#include "duel/tensor/cpu/peak.h"

namespace duel::bench {

double seconds_of(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<Result> measure(const std::vector<Trial>& trials, int repeat) {
  std::vector<Result> results;
  for (const Trial& t : trials) {
    t.run();
    t.run();
    results.push_back({t.name, t.work, {}});
  }
  for (int i = 0; i < repeat; ++i)
    for (std::size_t t = 0; t < trials.size(); ++t) results[t].seconds.push_back(seconds_of(trials[t].run));
  for (Result& r : results) std::sort(r.seconds.begin(), r.seconds.end());
  return results;
}

void Peaks::look_again() {
  const Tensor from = Tensor::full({16 << 20}, 1), to = Tensor::full({16 << 20}, 1);
  gflops = std::max(gflops, cpu::peak_gflops());
  for (int i = 0; i < 3; ++i) {
    const double seconds = seconds_of([&] { backend(Device::cpu).copy(from, to); });
    copy_gbytes = std::max(copy_gbytes, 2e-9 * static_cast<double>(from.storage()->bytes()) / seconds);
  }
}

double peak_resident_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024e-6;  // given in KiB
  return 0;
}

}  // namespace duel::bench
