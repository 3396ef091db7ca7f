// The operations that the benchmark times one by one.
#pragma once

#include <functional>
#include <string>

#include "bench/measure.h"

namespace duel::bench {

/// Takes in what is to be timed; `wanted` tells beforehand whether it will be.
struct Candidates {
  std::function<bool(const std::string& name)> wanted;
  std::function<void(const std::string& name, Work work, const std::function<void()>& f)> add;
};

/// Products, and the convolutions of the models in their three directions.
void add_products(const Candidates& candidates);
/// The kernels that pass over memory.
void add_passes(const Candidates& candidates);

}  // namespace duel::bench
