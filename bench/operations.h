// The operations that the benchmark times one by one.
#pragma once

#include <functional>
#include <string>
#include <vector>

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

/// One direction of a convolution by each of the algorithms that apply.
struct Race {
  std::string name;
  std::vector<Trial> trials;  ///< by names of algorithms
  std::string automatic;      ///< the one that is taken where none is asked for
};

/// The names of all algorithms.
std::vector<std::string> algorithms();
/// The convolutions of the models in their three directions, those whose names are `wanted`.
void add_races(const std::function<bool(const std::string& name)>& wanted,
               const std::function<void(const Race& race)>& add);

}  // namespace duel::bench
