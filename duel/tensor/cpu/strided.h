// Walking tensors of any strides on the CPU: what is left of the dimensions once they are merged (merged_dims.h) is cut
// into blocks of rows for inner loops on plain pointers.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "duel/tensor/merged_dims.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {

/// Elements in one piece of parallel work: small enough for a core's cache, large enough to be worth waking a thread.
constexpr std::int64_t kGrain = 32768;

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// K tensors walked together, in rows along the innermost dimension.
template <int K>
struct Strided : MergedDims<K> {
  using typename MergedDims<K>::Offsets;
  using MergedDims<K>::dims, MergedDims<K>::size, MergedDims<K>::stride;

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

template <int K>
Strided<K> strided(const Shape& shape, const std::array<Shape, K>& strides) {
  return {merged_dims<K>(shape, strides)};
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
