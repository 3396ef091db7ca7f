#include "duel/tensor/cpu/conv2d_overlap.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "duel/tensor/cpu/conv2d_weights.h"
#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/derived_cache.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

/// The weights of every group as panels of [source channels, taps x target channels].
template <class T>
std::shared_ptr<const Scratch<T>> pack_weights(const GemmKernels<T>& kernels, const OverlapAdd<T>& p) {
  const std::int64_t k = p.source_channels(), n = p.target_channels(), columns = p.columns();
  const std::int64_t size = k * round_up(columns, kernels.columns);
  const Weights<T>& w = p.weights;
  constexpr std::int64_t kForm = 1;  // see weights_key
  DerivedCache::Key key = {kForm, p.groups, k, n, w.group, w.kernel_row, w.kernel_column, w.k, w.n};
  for (const Axis* axis : {&p.window.h, &p.window.w})
    for (const Tap& tap : axis->taps) key.push_back(tap.kernel);
  return derived_weights<T>(*w.tensor, std::move(key), p.groups * size, [&](T* out) {
    Scratch<T> matrix(k * columns);
    for (std::int64_t group = 0; group < p.groups; ++group, out += size) {
      T* to = matrix.data();
      for (std::int64_t i = 0; i < k; ++i)
        for (const Tap& h : p.window.h.taps)
          for (const Tap& v : p.window.w.taps)
            for (std::int64_t j = 0; j < n; ++j) *to++ = w.at(group, h, v)[i * w.k + j * w.n];
      kernels.pack({k, columns, matrix.data(), columns, 1, kernels.columns, out, k * kernels.columns});
    }
  });
}

/// Taps of a row that lie side by side in the target too: how far from a source pixel's position, and which.
struct Run {
  std::int64_t column, tap, taps;
};

std::vector<Run> runs(const Axis& w) {
  std::vector<Run> all;
  for (std::size_t i = 0; i < w.taps.size(); ++i)
    if (i > 0 && w.taps[i].offset == w.taps[i - 1].offset + 1)
      ++all.back().taps;
    else
      all.push_back({w.taps[i].offset, static_cast<std::int64_t>(i), 1});
  return all;
}

/// The work cut into bands of source rows. Each adds its patches up in rows of its own, with room for those that hang
/// over the sides of the target; where bands reach the same target rows, their sums are added up afterwards.
template <class T>
class Bands {
 public:
  explicit Bands(const OverlapAdd<T>& p) : p_(p), runs_(runs(p.window.w)) {
    const Axis &h = p.window.h, &w = p.window.w;
    const std::int64_t reach = h.taps.back().offset - h.taps.front().offset + 1, height = p.source.height;
    const std::int64_t wanted = ceil_div(kEnoughTasks, p.source.count * p.groups);
    rows_ = std::min(std::max(ceil_div(height, wanted), ceil_div(reach, h.step)), height);
    count_ = ceil_div(height, rows_);
    target_rows_ = (rows_ - 1) * h.step + reach;
    left_ = std::max<std::int64_t>(0, -w.taps.front().offset);
    width_ = left_ + std::max(p.target.width, (p.source.width - 1) * w.step + w.taps.back().offset + 1);
  }

  /// Bands of a picture, numbers in the sums of each.
  std::int64_t count() const { return count_; }
  std::int64_t size() const { return target_rows_ * width_ * p_.target_channels(); }
  // A copy is a group of a picture.
  /// The sums of a band.
  void add(const GemmKernels<T>& kernels, std::int64_t copy, std::int64_t band, const T* weights, T* sums) const;
  /// Writes rows of the target from the sums of all the copy's bands.
  void finish(std::int64_t copy, Span rows, const T* sums) const;

 private:
  void add_patches(T* sums, std::int64_t i, std::int64_t j, std::int64_t count, const T* patches,
                   std::int64_t ld) const;

  const OverlapAdd<T>& p_;
  std::vector<Run> runs_;
  std::int64_t rows_, count_;  // source rows of a band, bands of a picture
  std::int64_t target_rows_;   // that a band reaches
  std::int64_t left_, width_;  // columns left of the target, and in all
};

/// Adds the patches, `ld` apart, of source pixels [j, j + count) of the band's row i.
template <class T>
void Bands<T>::add_patches(T* sums, std::int64_t i, std::int64_t j, std::int64_t count, const T* patches,
                           std::int64_t ld) const {
  const Axis &h = p_.window.h, &w = p_.window.w;
  const std::int64_t n = p_.target_channels(), across = static_cast<std::int64_t>(w.taps.size());
  for (const Tap& tap : h.taps) {
    T* row = sums + (i * h.step + tap.offset - h.taps.front().offset) * width_ * n;
    for (const Run& run : runs_)
      loops<T>().copy.add_overlapping(patches + run.tap * n, ld, row + (left_ + j * w.step + run.column) * n,
                                      w.step * n, count, run.taps * n);
    patches += across * n;
  }
}

template <class T>
void Bands<T>::add(const GemmKernels<T>& kernels, std::int64_t copy, std::int64_t band, const T* weights,
                   T* sums) const {
  const std::int64_t begin = band * rows_, group = copy % p_.groups, width = p_.source.width;
  const std::int64_t pixels = (std::min(begin + rows_, p_.source.height) - begin) * width;
  const std::int64_t n = round_up(p_.columns(), kernels.lanes), ld = spread_row<T>(n), k_all = p_.source_channels();
  const T* source = p_.source.data + p_.source.offset(copy / p_.groups, begin, 0) + group * k_all;
  weights += group * round_up(p_.columns(), kernels.columns) * k_all;
  std::fill_n(sums, size(), T(0));
  // So many patches that they stay in the first-level cache.
  constexpr std::int64_t kPatches = 24576 / sizeof(T);
  const std::int64_t most =
      std::clamp(kPatches / ld / kernels.rows, std::int64_t{2}, kBlockM / kernels.rows) * kernels.rows;
  Scratch<T> patches(most * ld);
  Scratch<T*> patch_rows(most);
  for (std::int64_t i = 0; i < most; ++i) patch_rows[i] = patches.data() + i * ld;
  for (std::int64_t p0 = 0; p0 < pixels; p0 += most) {
    const std::int64_t p1 = std::min(p0 + most, pixels);
    for (std::int64_t k0 = 0; k0 < k_all; k0 += kBlockK)
      kernels.multiply({p1 - p0, n, std::min(kBlockK, k_all - k0), source + p0 * p_.source.channels + k0,
                        kernels.rows * p_.source.channels, p_.source.channels, TileOrder::rows,
                        weights + k0 * kernels.columns, k_all * kernels.columns, kernels.columns, patch_rows.data(), 1,
                        k0 == 0 ? StoreMode::overwrite : StoreMode::accumulate});
    for (std::int64_t q = p0; q < p1;) {  // row by row
      const std::int64_t count = std::min(width - q % width, p1 - q);
      add_patches(sums, q / width, q % width, count, patch_rows[q - p0], ld);
      q += count;
    }
  }
}

template <class T>
void Bands<T>::finish(std::int64_t copy, Span rows, const T* sums) const {
  const std::int64_t n = p_.target_channels(), group = copy % p_.groups, length = p_.target.width * n;
  const Finish<T> rectify{nullptr, p_.finish.slope};
  Scratch<T> row(length), biases(length);
  for (std::int64_t j = 0; j < length; j += n)
    for (std::int64_t c = 0; c < n; ++c) biases[j + c] = p_.finish.bias ? p_.finish.bias[group * n + c] : T(0);
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    std::copy_n(biases.data(), length, row.data());
    for (std::int64_t band = 0; band < count_; ++band) {
      const std::int64_t at = i - p_.window.h.taps.front().offset - band * rows_ * p_.window.h.step;
      if (at < 0 || at >= target_rows_) continue;
      const T* from = sums + band * size() + (at * width_ + left_) * n;
      for (std::int64_t j = 0; j < length; ++j) row[j] += from[j];
    }
    T* pointer = row.data();
    rectify(&pointer, 1, 0, length);
    T* to = p_.target.data + p_.target.offset(copy / p_.groups, i, 0) + group * n;
    if (p_.groups == 1)
      std::copy_n(row.data(), length, to);
    else
      for (std::int64_t j = 0; j < p_.target.width; ++j)
        std::copy_n(row.data() + j * n, n, to + j * p_.target.channels);
  }
}

}  // namespace

template <class T>
void overlap_add(const OverlapAdd<T>& p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const std::shared_ptr<const Scratch<T>> weights = pack_weights(kernels, p);
  const Bands<T> bands(p);
  const std::int64_t copies = p.source.count * p.groups, height = p.target.height;
  if (bands.count() == 1)
    return parallel_for(copies, 1, [&](std::int64_t begin, std::int64_t end) {
      Scratch<T> sums(bands.size());
      for (std::int64_t c = begin; c < end; ++c) {
        bands.add(kernels, c, 0, weights->data(), sums.data());
        bands.finish(c, {0, height}, sums.data());
      }
    });
  Scratch<T> sums(copies * bands.count() * bands.size());
  parallel_for(copies * bands.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t)
      bands.add(kernels, t / bands.count(), t % bands.count(), weights->data(), sums.data() + t * bands.size());
  });
  constexpr std::int64_t kRows = 8;
  const std::int64_t pieces = ceil_div(height, kRows);
  parallel_for(copies * pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t c = t / pieces, row = t % pieces * kRows;
      bands.finish(c, {row, std::min(row + kRows, height)}, sums.data() + c * bands.count() * bands.size());
    }
  });
}

template void overlap_add(const OverlapAdd<float>&);
template void overlap_add(const OverlapAdd<double>&);

}  // namespace duel::cpu
