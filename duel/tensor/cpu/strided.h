// Walking tensors of any strides: the dimensions of up to three tensors of one shape are put in the order of memory and
// merged where they can be, and what is left is cut into blocks of rows for inner loops on plain pointers.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "duel/tensor/shape.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {

/// Elements in one piece of parallel work: small enough for a core's cache, large enough to be worth waking a thread.
constexpr std::int64_t kGrain = 32768;

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// K tensors walked together, outermost dimension first. Sizes are above 1 but for the single dimension that stands for
/// "one element".
template <int K>
struct Strided {
  using Offsets = std::array<std::int64_t, K>;

  int dims = 0;
  std::array<std::int64_t, kMaxDims> size{};
  std::array<Offsets, kMaxDims> stride{};  // [dimension][tensor], in elements

  std::int64_t numel() const {
    std::int64_t n = 1;
    for (int d = 0; d < dims; ++d) n *= size[d];
    return n;
  }
  /// Size of the innermost dimension.
  std::int64_t row_size() const { return size[dims - 1]; }
  /// How far apart consecutive elements of a row are in tensor k, and consecutive rows.
  std::int64_t col_step(int k) const { return stride[dims - 1][k]; }
  std::int64_t row_step(int k) const { return dims > 1 ? stride[dims - 2][k] : 0; }

  /// Where each tensor has element `index`, counted over the outer dimensions: all but the last `skip`.
  Offsets offset(std::int64_t index, int skip) const {
    Offsets at{};
    for (int d = dims - 1 - skip; d >= 0; --d) {
      const std::int64_t i = index % size[d];
      index /= size[d];
      for (int k = 0; k < K; ++k) at[k] += i * stride[d][k];
    }
    return at;
  }
};

/// Dimensions in the order of the first tensor's strides, sizes of 1 dropped, neighbours merged where all tensors
/// allow.
template <int K>
Strided<K> strided(const Shape& shape, const std::array<Shape, K>& strides) {
  Strided<K> s;
  for (int i = 0; i < shape.dim(); ++i) {
    if (shape[i] == 1) continue;
    int at = s.dims++;
    for (; at > 0 && s.stride[at - 1][0] < strides[0][i]; --at) {
      s.size[at] = s.size[at - 1];
      s.stride[at] = s.stride[at - 1];
    }
    s.size[at] = shape[i];
    for (int k = 0; k < K; ++k) s.stride[at][k] = strides[static_cast<std::size_t>(k)][i];
  }
  if (s.dims == 0) {
    s.dims = 1;
    s.size[0] = 1;
    s.stride[0].fill(1);
    return s;
  }
  int last = 0;
  for (int d = 1; d < s.dims; ++d) {
    bool mergeable = true;
    for (int k = 0; k < K; ++k) mergeable = mergeable && s.stride[last][k] == s.size[d] * s.stride[d][k];
    if (mergeable)
      s.size[last] *= s.size[d];
    else
      s.size[++last] = s.size[d];
    s.stride[last] = s.stride[d];
  }
  s.dims = last + 1;
  return s;
}

/// Calls f(offsets, rows, n) in parallel for blocks that cover all elements once: `rows` rows of `n` elements from
/// `offsets` on, spaced by `row_step` and `col_step`. No tensor may be empty. A block has at most `grain` elements:
/// fewer than kGrain where there is more behind each than itself.
template <int K, class F>
void for_each_block(const Strided<K>& s, const F& f, std::int64_t grain = kGrain) {
  const std::int64_t n = s.row_size(), rows = s.numel() / n;
  if (n > grain) {  // long rows: a piece is a part of one
    const std::int64_t parts = ceil_div(n, grain);
    parallel_for(rows * parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        auto at = s.offset(i / parts, 1);
        const std::int64_t col = i % parts * grain;
        for (int k = 0; k < K; ++k) at[k] += col * s.col_step(k);
        f(at, std::int64_t{1}, std::min(grain, n - col));
      }
    });
    return;
  }
  const std::int64_t run = s.dims > 1 ? s.size[s.dims - 2] : 1;  // rows that are evenly spaced
  parallel_for(rows, grain / n, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end;) {
      const std::int64_t count = std::min(end - row, run - row % run);
      f(s.offset(row, 1), count, n);
      row += count;
    }
  });
}

}  // namespace duel::cpu
