// Statistics of a tensor's elements: what one looks at when a gradient vanishes or explodes.
#pragma once

#include <cstdint>
#include <vector>

#include "duel/tensor/tensor.h"

namespace duel::app {

struct Statistics {
  static constexpr std::size_t kBins = 32;
  std::int64_t count = 0, nans = 0, infinities = 0;
  double norm = 0;  ///< Euclidean, of the finite ones, like all that follows
  double min = 0, max = 0, mean = 0;
  std::vector<std::int64_t> bins;  ///< how many lie in each of kBins equal parts of [min, max]; empty without any

  double rms() const;
};

/// Of floating elements of any strides.
Statistics statistics(const Tensor& t);

}  // namespace duel::app
