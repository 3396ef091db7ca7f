// Convolutions with few target channels, from the source's side: each source pixel times all taps at once, which fills
// the packets that few channels would leave empty, and the overlapping patches added up.
#pragma once

#include "duel/tensor/cpu/conv2d_finish.h"
#include "duel/tensor/cpu/conv2d_geometry.h"

namespace duel::cpu {

/// target[n, i * step + offset, ...] += source[n, i, ...] * weights, from zero, over all source pixels and taps; what
/// falls outside the target is dropped; then target = finish(target). `window` leads from source positions to target
/// positions.
template <class T>
struct OverlapAdd {
  Images<const T> source;
  Images<T> target;
  Weights<T> weights;
  Window window;
  std::int64_t groups;
  Finish<T> finish = {};

  std::int64_t source_channels() const { return source.channels / groups; }
  std::int64_t target_channels() const { return target.channels / groups; }
  /// Columns of a patch.
  std::int64_t columns() const { return window.taps() * target_channels(); }
};

template <class T>
void overlap_add(const OverlapAdd<T>& p);

extern template void overlap_add(const OverlapAdd<float>&);
extern template void overlap_add(const OverlapAdd<double>&);

}  // namespace duel::cpu
