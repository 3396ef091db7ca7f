#include "duel/tensor/cpu/conv2d_overlap.h"

#include <algorithm>

#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

/// A group's weights as panels of [source channels, taps x target channels].
template <class T>
void pack_weights(const GemmKernels<T>& kernels, const OverlapAdd<T>& p, std::int64_t group, T* out) {
  const std::int64_t k = p.source_channels(), n = p.target_channels(), columns = p.columns();
  Scratch<T> matrix(k * columns);
  T* to = matrix.data();
  for (std::int64_t i = 0; i < k; ++i)
    for (const Tap& h : p.window.h.taps)
      for (const Tap& w : p.window.w.taps)
        for (std::int64_t j = 0; j < n; ++j) *to++ = p.weights.at(group, h, w)[i * p.weights.k + j * p.weights.n];
  kernels.pack({k, columns, matrix.data(), columns, 1, kernels.columns, out, k * kernels.columns});
}

template <class T>
void add_run(T* __restrict to, const T* __restrict from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

/// One task: target rows [begin, end) of one picture, for one group.
struct Band {
  std::int64_t image, group;
  Span rows;
};

/// Adds the patch of source pixel (i, j) to the band.
template <class T>
void add_patch(const OverlapAdd<T>& p, const Band& band, std::int64_t i, std::int64_t j, const T* patch) {
  const std::int64_t n = p.target_channels(), across = static_cast<std::int64_t>(p.window.w.taps.size());
  const std::int64_t first = j * p.window.w.step + p.window.w.taps.front().offset;
  const std::int64_t last = j * p.window.w.step + p.window.w.taps.back().offset;
  const bool together = p.groups == 1 && first >= 0 && last < p.target.width && last - first == across - 1;
  for (const Tap& h : p.window.h.taps) {
    const std::int64_t row = i * p.window.h.step + h.offset;
    if (row >= band.rows.begin && row < band.rows.end) {
      T* to = p.target.data + p.target.offset(band.image, row, 0) + band.group * n;
      if (together) {
        add_run(to + first * n, patch, across * n);
      } else {
        for (std::int64_t t = 0; t < across; ++t) {
          const std::int64_t column = j * p.window.w.step + p.window.w.taps[static_cast<std::size_t>(t)].offset;
          if (column >= 0 && column < p.target.width) add_run(to + column * p.target.channels, patch + t * n, n);
        }
      }
    }
    patch += across * n;
  }
}

template <class T>
void clear(const OverlapAdd<T>& p, const Band& band) {
  const std::int64_t n = p.target_channels();
  for (std::int64_t i = band.rows.begin; i < band.rows.end; ++i)
    for (std::int64_t j = 0; j < p.target.width; ++j)
      std::fill_n(p.target.data + p.target.offset(band.image, i, j) + band.group * n, n, T(0));
}

/// Source rows whose taps meet the band.
template <class T>
Span source_rows(const OverlapAdd<T>& p, Span rows) {
  const Axis& h = p.window.h;
  const std::int64_t above = rows.begin - h.taps.back().offset, below = rows.end - 1 - h.taps.front().offset;
  const std::int64_t begin = above > 0 ? ceil_div(above, h.step) : 0, end = below < 0 ? 0 : below / h.step + 1;
  return {begin, std::min(end, p.source.height)};
}

template <class T>
void add_band(const GemmKernels<T>& kernels, const OverlapAdd<T>& p, const Band& band, const T* weights) {
  clear(p, band);
  const Span rows = source_rows(p, band.rows);
  const std::int64_t columns = p.columns(), ld = spread_row<T>(columns), k_all = p.source_channels();
  Scratch<T> patches(kBlockM * ld);
  Scratch<T*> patch_rows(kBlockM);
  for (std::int64_t i = 0; i < kBlockM; ++i) patch_rows[i] = patches.data() + i * ld;
  const T* source = p.source.data + p.source.offset(band.image, 0, 0) + band.group * k_all;
  for (std::int64_t p0 = rows.begin * p.source.width; p0 < rows.end * p.source.width; p0 += kBlockM) {
    const std::int64_t m = std::min(kBlockM, rows.end * p.source.width - p0);
    for (std::int64_t k0 = 0; k0 < k_all; k0 += kBlockK)
      kernels.multiply({m, columns, std::min(kBlockK, k_all - k0), source + p0 * p.source.channels + k0,
                        kernels.rows * p.source.channels, p.source.channels, TileOrder::rows,
                        weights + k0 * kernels.columns, k_all * kernels.columns, kernels.columns, patch_rows.data(), 1,
                        k0 == 0 ? StoreMode::overwrite : StoreMode::accumulate});
    for (std::int64_t i = 0; i < m; ++i)
      add_patch(p, band, (p0 + i) / p.source.width, (p0 + i) % p.source.width, patch_rows[i]);
  }
}

}  // namespace

template <class T>
void overlap_add(const OverlapAdd<T>& p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const std::int64_t size = round_up(p.columns(), kernels.columns) * p.source_channels();
  Scratch<T> weights(p.groups * size);
  parallel_for(p.groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) pack_weights(kernels, p, g, weights.data() + g * size);
  });
  // Whole pictures if there are enough of them: bands compute the patches that reach across their borders twice.
  const std::int64_t reach = p.window.h.taps.back().offset - p.window.h.taps.front().offset + 1;
  const std::int64_t wanted = ceil_div(kEnoughTasks, p.target.count * p.groups);
  const std::int64_t rows = std::max(ceil_div(p.target.height, wanted), std::min(2 * reach, p.target.height));
  const std::int64_t bands = ceil_div(p.target.height, rows);
  parallel_for(p.target.count * p.groups * bands, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t row = t % bands * rows, group = t / bands % p.groups;
      const Band band{t / bands / p.groups, group, {row, std::min(row + rows, p.target.height)}};
      add_band(kernels, p, band, weights.data() + group * size);
    }
  });
}

template void overlap_add(const OverlapAdd<float>&);
template void overlap_add(const OverlapAdd<double>&);

}  // namespace duel::cpu
