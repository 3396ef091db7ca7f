// A convolution or its input gradient as a product of gathered pixels and weights: what every algorithm starts from.
#pragma once

#include <cstdint>
#include <vector>

#include "duel/tensor/cpu/conv2d_finish.h"
#include "duel/tensor/cpu/conv2d_geometry.h"
#include "duel/tensor/derived_cache.h"

namespace duel::cpu {

/// Target pixels `origin + step * grid position`, which all meet the same taps but for the pictures' borders.
struct Phase {
  Window window;
  Size2 origin, step;
  std::int64_t rows, columns;  // of the grid
};

/// target = finish(source * weights), over all phases.
template <class T>
struct ImplicitProduct {
  Images<const T> source;
  Images<T> target;
  Weights<T> weights;
  std::int64_t groups;
  std::vector<Phase> phases;
  Finish<T> finish = {};

  std::int64_t source_channels() const { return source.channels / groups; }
  std::int64_t target_channels() const { return target.channels / groups; }
};

/// What weights rearranged for the product depend on, besides their values: the form (0 as they are, 1 as patches that
/// overlap, m for Winograd's tiles of m), how they lie, and each phase's taps.
template <class T>
DerivedCache::Key weights_key(const ImplicitProduct<T>& p, std::int64_t form) {
  const Weights<T>& w = p.weights;
  DerivedCache::Key key = {
      form, p.groups, p.source_channels(), p.target_channels(), w.group, w.kernel_row, w.kernel_column, w.k, w.n};
  for (const Phase& phase : p.phases)
    for (const Axis* axis : {&phase.window.h, &phase.window.w}) {
      key.push_back(axis->step);
      key.push_back(static_cast<std::int64_t>(axis->taps.size()));
      for (const Tap& tap : axis->taps) key.push_back(tap.kernel);
    }
  return key;
}

}  // namespace duel::cpu
