// Where a normalised coordinate of a sampling grid lies among an axis's pixels; for all devices.
#pragma once

#include <cmath>
#include <cstdint>

#include "duel/tensor/backend.h"
#include "duel/tensor/host_device.h"

namespace duel {

/// A place between the pixels `first` and first + 1, of weights 1 - part and part. Either may lie outside the axis,
/// and counts for nothing there. `slope` is the derivative of the place with respect to the coordinate.
struct GridPlace {
  std::int64_t first;
  double part, slope;
};

/// -1 and 1 are the outer edges of an axis of `size` >= 1 pixels (align_corners false). `replicate` and `reflect` bring
/// what is outside back in; the reflection is about the edges, so that the border pixel is repeated. A coordinate that
/// is NaN, or infinite and cannot be reflected, gives a NaN part at pixel 0.
DUEL_HD GridPlace grid_place(double coordinate, std::int64_t size, PadMode outside) {
  const double n = static_cast<double>(size), last = n - 1;
  double at = ((coordinate + 1) * n - 1) / 2, slope = n / 2;
  if (outside == PadMode::reflect) {
    double t = std::abs(at + 0.5);              // from the first edge ...
    if (!(t < 2 * n)) t = std::fmod(t, 2 * n);  // ... in a period of there and back
    if (at < -0.5) slope = -slope;
    if (t > n) {
      t = 2 * n - t;
      slope = -slope;
    }
    at = t - 0.5;
  }
  if (outside != PadMode::zeros && (at <= 0 || at >= last)) {
    at = at <= 0 ? 0 : last;
    slope = 0;
  }
  if (at != at) return {0, at, at};
  // Far outside it makes no difference where; what converts to an integer must fit one.
  if (at < -1 || at > n) return {-2, 0, 0};
  const std::int64_t first = static_cast<std::int64_t>(at + 1) - 1;  // the floor of a number from -1 on
  return {first, at - static_cast<double>(first), slope};
}

}  // namespace duel
