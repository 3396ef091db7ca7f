// Walking tensors of any strides on any device begins here: the dimensions of tensors of one shape are put in the order
// of memory and merged where they can be.
#pragma once

#include <array>
#include <cstdint>

#include "duel/tensor/shape.h"

namespace duel {

/// K tensors walked together, outermost dimension first. Sizes are above 1 but for the single dimension that stands for
/// "one element".
template <int K>
struct MergedDims {
  using Offsets = std::array<std::int64_t, K>;

  int dims = 0;
  std::array<std::int64_t, kMaxDims> size{};
  std::array<Offsets, kMaxDims> stride{};  // [dimension][tensor], in elements

  std::int64_t numel() const {
    std::int64_t n = 1;
    for (int d = 0; d < dims; ++d) n *= size[static_cast<std::size_t>(d)];
    return n;
  }
  std::int64_t inner_size() const { return size[static_cast<std::size_t>(dims - 1)]; }
  /// How far apart neighbours along the innermost dimension are in tensor k.
  std::int64_t inner_stride(int k) const {
    return stride[static_cast<std::size_t>(dims - 1)][static_cast<std::size_t>(k)];
  }
  /// Whether all tensors are the same run of consecutive elements.
  bool is_run() const {
    for (int k = 0; k < K; ++k)
      if (dims != 1 || inner_stride(k) != 1) return false;
    return true;
  }
};

/// Dimensions in the order of the first tensor's strides, sizes of 1 dropped, neighbours merged where all tensors
/// allow. `strides[k]` are those of tensor k, all of `shape`.
template <int K>
MergedDims<K> merged_dims(const Shape& shape, const std::array<Shape, K>& strides) {
  MergedDims<K> m;
  for (int i = 0; i < shape.dim(); ++i) {
    if (shape[i] == 1) continue;
    auto at = static_cast<std::size_t>(m.dims++);
    for (; at > 0 && m.stride[at - 1][0] < strides[0][i]; --at) {
      m.size[at] = m.size[at - 1];
      m.stride[at] = m.stride[at - 1];
    }
    m.size[at] = shape[i];
    for (std::size_t k = 0; k < K; ++k) m.stride[at][k] = strides[k][i];
  }
  if (m.dims == 0) {
    m.dims = 1;
    m.size[0] = 1;
    m.stride[0].fill(1);
    return m;
  }
  std::size_t last = 0;
  for (std::size_t d = 1; d < static_cast<std::size_t>(m.dims); ++d) {
    bool mergeable = true;
    for (std::size_t k = 0; k < K; ++k) mergeable = mergeable && m.stride[last][k] == m.size[d] * m.stride[d][k];
    if (mergeable)
      m.size[last] *= m.size[d];
    else
      m.size[++last] = m.size[d];
    m.stride[last] = m.stride[d];
  }
  m.dims = static_cast<int>(last) + 1;
  return m;
}

}  // namespace duel
