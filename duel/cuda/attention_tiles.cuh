// Products of tiles, as attention's kernels are made of them: a block of 256 threads, 16 by 16, works on a tile of
// weights, some rows of one matrix against some columns, which are rows of another; each thread has 4 rows and a few
// pairs of columns in registers.
#pragma once

#include <algorithm>
#include <type_traits>

#include "duel/cuda/launch.h"
#include "duel/cuda/strided.cuh"
#include "duel/tensor/tensor.h"

namespace duel::cuda::tiles {

constexpr int kSide = 16;  // threads along each side of a block ...
constexpr int kPer = 4;    // ... the rows of each ...
constexpr int kRows = kSide * kPer;
constexpr int kSlice = 16;  // ... and how much of a sum is in shared memory at a time
constexpr int kPad = 4;     // so that transposing stores meet other banks
static_assert(kSide * kSide == kThreads);

/// Columns of a tile.
template <class C>
constexpr int kColumns = sizeof(C) == 8 ? 32 : 64;

/// Values of shared memory that a thread takes at once.
template <class C>
constexpr int kWide = cuda::kPack<C>;

/// How many columns of a result of `width` a block makes, and how many blocks make them all.
struct Chunks {
  int width;  ///< 32, 64, 96 or 128
  unsigned count;

  explicit Chunks(std::int64_t all, std::int64_t most = 128)
      : width(0), count(static_cast<unsigned>(std::max<std::int64_t>(1, ceil_div(all, most)))) {
    width = static_cast<int>(std::max<std::int64_t>(1, ceil_div(ceil_div(all, count), 32)) * 32);
  }
};

/// f(std::integral_constant<int, width of a chunk>, chunks); float64, which is for checks, has but one width.
template <class T, class F>
void with_chunks(std::int64_t width, F&& f) {
  if constexpr (sizeof(T) == 8) {
    f(std::integral_constant<int, 64>{}, static_cast<unsigned>(std::max<std::int64_t>(1, ceil_div(width, 64))));
  } else {
    const Chunks c(width);
    switch (c.width) {
      case 32: return f(std::integral_constant<int, 32>{}, c.count);
      case 64: return f(std::integral_constant<int, 64>{}, c.count);
      case 96: return f(std::integral_constant<int, 96>{}, c.count);
      default: return f(std::integral_constant<int, 128>{}, c.count);
    }
  }
}

/// A batch of matrices, row-major, by the first of them.
template <class T>
struct Matrix {
  const T* data;
  std::int64_t rows, width;

  DUEL_HD Matrix at(std::int64_t b) const { return {data + b * rows * width, rows, width}; }
};

#if defined(__CUDACC__) || defined(DUEL_SIMULATED_CUDA)

/// The largest of so many threads side by side, a power of two up to a warp; the same in each.
template <int threads, class C>
__device__ inline C max_across(C v) {
  for (int step = threads / 2; step > 0; step /= 2) {
    const C other = __shfl_xor_sync(0xffffffffu, v, step);
    v = other > v ? other : v;
  }
  return v;
}

__device__ inline int thread_x() { return static_cast<int>(threadIdx.x) % kSide; }
__device__ inline int thread_y() { return static_cast<int>(threadIdx.x) / kSide; }
/// The column, within a tile, of this thread's number j: pairs, so that a half warp reads a run of memory.
__device__ inline int column(int j) { return j / 2 * 2 * kSide + 2 * thread_x() + j % 2; }

/// Shared memory of a block: weights, the columns' major, and slices of two operands or of one of `width` columns.
template <class C, int width>
struct Memory {
  static constexpr int kRowStride = kRows + kPad, kColumnStride = kColumns<C> + kPad;
  alignas(16) C weights[kColumns<C> * kRowStride];
  alignas(16) C slice[std::max(kSlice * (kRowStride + kColumnStride), kSlice* width)];
};

/// acc[i][j] += the sum over k < depth of a[k][row i] * b[k][column j], for this thread's rows and columns. The depth
/// is rounded up to a multiple of 4.
template <class C, int n>
__device__ inline void multiply(C (&acc)[kPer][n], const C* a, int a_stride, const C* b, int b_stride, int depth) {
  static_assert(n % 2 == 0 && kPer % kWide<C> == 0);
  a += kPer * thread_y();
  for (int k0 = 0; k0 < depth; k0 += 4) {
    DUEL_UNROLL
    for (int k = k0; k < k0 + 4; ++k) {
      C left[kPer], right[n];
      DUEL_UNROLL
      for (int i = 0; i < kPer; i += kWide<C>) {
        const auto pack = *reinterpret_cast<const Pack<C, kWide<C>>*>(a + k * a_stride + i);
        DUEL_UNROLL
        for (int l = 0; l < kWide<C>; ++l) left[i + l] = pack.v[l];
      }
      DUEL_UNROLL
      for (int j = 0; j < n; j += 2) {
        const auto pair = *reinterpret_cast<const Pack<C, 2>*>(b + k * b_stride + column(j));
        right[j] = pair.v[0], right[j + 1] = pair.v[1];
      }
      DUEL_UNROLL
      for (int i = 0; i < kPer; ++i) {
        DUEL_UNROLL
        for (int j = 0; j < n; ++j) acc[i][j] += left[i] * right[j];
      }
    }
  }
}

/// slice[d][r] = m[first + r][d0 + d], for `count` rows; 0 outside.
template <int count, class T, class C>
__device__ inline void load_across(const Matrix<T>& m, std::int64_t first, std::int64_t d0, C* slice) {
  const std::int64_t d = d0 + thread_x();
  DUEL_UNROLL
  for (int i = 0; i < count / kSide; ++i) {
    const int r = thread_y() + i * kSide;
    const bool inside = first + r < m.rows && d < m.width;
    slice[thread_x() * (count + kPad) + r] = inside ? C(m.data[(first + r) * m.width + d]) : C(0);
  }
}

/// acc += the products of rows from `row` on of a with rows from `column` on of b.
template <class T, class C, int n, int width>
__device__ inline void multiply_rows(C (&acc)[kPer][n], const Matrix<T>& a, std::int64_t row, const Matrix<T>& b,
                                     std::int64_t b_row, Memory<C, width>& memory) {
  static_assert(n * kSide == kColumns<C>);
  using M = Memory<C, width>;
  C* const b_slice = memory.slice + kSlice * M::kRowStride;
  for (std::int64_t d = 0; d < a.width; d += kSlice) {
    __syncthreads();  // whoever still reads what was there
    load_across<kRows>(a, row, d, memory.slice);
    load_across<kColumns<C>>(b, b_row, d, b_slice);
    __syncthreads();
    multiply(acc, memory.slice, M::kRowStride, b_slice, M::kColumnStride,
             static_cast<int>(min(std::int64_t{kSlice}, a.width - d)));
  }
}

/// Puts this thread's part of the weights where all can read them, after the next barrier.
template <class C, int n, int width>
__device__ inline void share_weights(const C (&weights)[kPer][n], Memory<C, width>& memory) {
  DUEL_UNROLL
  for (int j = 0; j < n; ++j) {
    C* to = memory.weights + column(j) * Memory<C, width>::kRowStride + kPer * thread_y();
    DUEL_UNROLL
    for (int i = 0; i < kPer; i += kWide<C>) {
      Pack<C, kWide<C>> pack;
      DUEL_UNROLL
      for (int l = 0; l < kWide<C>; ++l) pack.v[l] = weights[i + l][j];
      *reinterpret_cast<Pack<C, kWide<C>>*>(to + i) = pack;
    }
  }
}

/// out += the shared weights times rows from `row` on of m, columns from `first` on.
template <class T, class C, int width>
__device__ inline void add_weighed(C (&out)[kPer][width / kSide], const Matrix<T>& m, std::int64_t row,
                                   std::int64_t first, Memory<C, width>& memory) {
  const int rows = static_cast<int>(min(std::int64_t{kColumns<C>}, m.rows - row));
  for (int r0 = 0; r0 < rows; r0 += kSlice) {
    __syncthreads();
    for (int e = static_cast<int>(threadIdx.x); e < kSlice * width; e += kThreads) {
      const std::int64_t r = row + r0 + e / width, c = first + e % width;
      memory.slice[e] = r < m.rows && c < m.width ? C(m.data[r * m.width + c]) : C(0);
    }
    __syncthreads();
    multiply(out, memory.weights + r0 * Memory<C, width>::kRowStride, Memory<C, width>::kRowStride, memory.slice, width,
             min(kSlice, rows - r0));
  }
}

/// Row `row` + i and columns from `first` on of y [rows, columns], for all of this thread's that there are.
template <class T, class C, int n>
__device__ inline void store_tile(const C (&out)[kPer][n], T* y, std::int64_t rows, std::int64_t columns,
                                  std::int64_t row, std::int64_t first) {
  DUEL_UNROLL
  for (int i = 0; i < kPer; ++i) {
    const std::int64_t r = row + kPer * thread_y() + i;
    if (r >= rows) continue;
    DUEL_UNROLL
    for (int j = 0; j < n; ++j)
      if (const std::int64_t c = first + column(j); c < columns) y[r * columns + c] = T(out[i][j]);
  }
}

#endif

}  // namespace duel::cuda::tiles
