// A device that computes nothing: it takes what networks ask of its kernels and writes down the convolutions among it,
// in no time and no memory, at any size. Its numbers are whatever they are; what is read from it is 0.
#pragma once

#include <compare>
#include <set>

#include "duel/cuda/cudnn_graph.h"

namespace duel::testing {

/// The sizes of a convolution: any of its three passes tells those of the others.
struct Convolution {
  std::array<std::int64_t, 4> x, w, y;
  std::array<std::int64_t, 2> stride, padding, dilation;
  friend auto operator<=>(const Convolution&, const Convolution&) = default;
};

/// Those that this program has asked Device::cuda for since the last call.
std::set<Convolution> take_convolutions();

}  // namespace duel::testing
