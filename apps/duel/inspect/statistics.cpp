#include "apps/duel/inspect/statistics.h"

#include <algorithm>
#include <cmath>

namespace duel::app {

double Statistics::rms() const {
  const std::int64_t finite = count - nans - infinities;
  return finite == 0 ? 0 : norm / std::sqrt(static_cast<double>(finite));
}

Statistics statistics(const Tensor& t) {
  Statistics s;
  s.count = t.numel();
  std::vector<double> all = t.to(Device::cpu).to(DType::float64).to_vector<double>();
  s.nans = std::count_if(all.begin(), all.end(), [](double x) { return std::isnan(x); });
  std::erase_if(all, [](double x) { return !std::isfinite(x); });
  s.infinities = s.count - s.nans - static_cast<std::int64_t>(all.size());
  if (all.empty()) return s;
  const auto [low, high] = std::minmax_element(all.begin(), all.end());
  s.min = *low;
  s.max = *high;
  double sum = 0, squares = 0;
  s.bins.assign(Statistics::kBins, 0);
  const double width = s.max - s.min;
  for (const double x : all) {
    sum += x;
    squares += x * x;
    const double place = width > 0 ? (x - s.min) / width * static_cast<double>(Statistics::kBins) : 0;
    ++s.bins[std::min(static_cast<std::size_t>(place), Statistics::kBins - 1)];
  }
  s.norm = std::sqrt(squares);
  s.mean = sum / static_cast<double>(all.size());
  return s;
}

}  // namespace duel::app
