// The matrix product that matmul and the convolutions share: y[b][i][j] = the sum over k of a[b][i][k] * b[b][k][j].
// Where the elements lie, and what is done to a result, is said by a struct of the caller's, Operands:
//
//   using Element = T;
//   static constexpr Run kRunA, kRunB;       // along which index neighbours in memory lie: threads follow it
//   std::int64_t batches, m, n, k;
//   Row row(batch, i);  Column column(batch, j);   // what is the same for all k ...
//   StepA step_a(k);    StepB step_b(k);           // ... and for all rows or columns
//   compute_t<T> a(Row, StepA);  compute_t<T> b(Column, StepB);
//   void store(batch, i, j, compute_t<T> sum);
//
// A block of threads makes a tile of y, each thread 4 x 4 elements of it, from slices of a and b in shared memory.
// Where there are few tiles and long sums, several blocks share a sum and a second kernel adds their parts.
#pragma once

#include <algorithm>

#include "duel/cuda/launch.h"
#include "duel/tensor/tensor.h"

namespace duel::cuda::direct {

enum class Run { along_k, across_k };

constexpr int kTile = 64;   // rows and columns of a block's part of y ...
constexpr int kSlice = 16;  // ... and how much of k at a time
constexpr int kPer = 4;     // rows and columns of a thread's part of the tile; elements of a slice that it loads
static_assert((kTile / kPer) * (kTile / kPer) == kThreads && kTile * kSlice == kPer * kThreads);

/// How a product is cut into blocks of threads: tiles of each batch, times parts of the sum over k.
struct Cut {
  std::int64_t row_tiles, column_tiles, parts, part;  ///< `part` of k in each of the parts, a multiple of kSlice

  template <class Operands>
  explicit Cut(const Operands& p) : row_tiles(ceil_div(p.m, kTile)), column_tiles(ceil_div(p.n, kTile)) {
    constexpr std::int64_t kEnoughBlocks = 512, kShortestPart = 256;
    const std::int64_t tiles = p.batches * row_tiles * column_tiles;
    const std::int64_t wanted = std::min(kEnoughBlocks / tiles, p.k / kShortestPart);
    part = ceil_div(ceil_div(p.k, std::max<std::int64_t>(1, wanted)), kSlice) * kSlice;
    parts = p.k == 0 ? 1 : ceil_div(p.k, part);
  }
};

#if defined(__CUDACC__) || defined(DUEL_SIMULATED_CUDA)

/// The elements of a slice that this thread loads, by number from 0 to kPer - 1: neighbouring threads follow the run.
template <Run run>
__device__ inline int slice_line(int e) {  // the row of a, or the column of b, within the tile
  const int t = static_cast<int>(threadIdx.x);
  return run == Run::along_k ? t / kSlice + e * (kThreads / kSlice) : t % kTile;
}
template <Run run>
__device__ inline int slice_k(int e) {
  const int t = static_cast<int>(threadIdx.x);
  return run == Run::along_k ? t % kSlice : t / kTile + e * (kThreads / kTile);
}

template <class Operands>
__global__ void __launch_bounds__(kThreads)
    multiply(Operands p, Cut cut, compute_t<typename Operands::Element>* parts) {
  using C = compute_t<typename Operands::Element>;
  __shared__ __align__(16) C slice_a[kSlice][kTile + 4], slice_b[kSlice][kTile + 4];

  std::int64_t block = blockIdx.x;
  const std::int64_t column0 = block % cut.column_tiles * kTile;
  block /= cut.column_tiles;
  const std::int64_t row0 = block % cut.row_tiles * kTile;
  block /= cut.row_tiles;
  const std::int64_t batch = block % p.batches, part = block / p.batches;
  const std::int64_t first = part * cut.part, end = first + cut.part < p.k ? first + cut.part : p.k;

  decltype(p.row(0, 0)) rows[kPer];
  decltype(p.column(0, 0)) columns[kPer];
  for (int e = 0; e < kPer; ++e) {
    rows[e] = p.row(batch, row0 + slice_line<Operands::kRunA>(e));
    columns[e] = p.column(batch, column0 + slice_line<Operands::kRunB>(e));
  }
  C next_a[kPer], next_b[kPer];
  const auto load = [&](std::int64_t k0) {
    for (int e = 0; e < kPer; ++e) {
      const std::int64_t ka = k0 + slice_k<Operands::kRunA>(e), kb = k0 + slice_k<Operands::kRunB>(e);
      const bool a_exists = ka < end && row0 + slice_line<Operands::kRunA>(e) < p.m;
      const bool b_exists = kb < end && column0 + slice_line<Operands::kRunB>(e) < p.n;
      next_a[e] = a_exists ? p.a(rows[e], p.step_a(ka)) : C(0);
      next_b[e] = b_exists ? p.b(columns[e], p.step_b(kb)) : C(0);
    }
  };

  const int top = static_cast<int>(threadIdx.x) / (kTile / kPer) * kPer;
  const int left = static_cast<int>(threadIdx.x) % (kTile / kPer) * kPer;
  C sums[kPer][kPer] = {};
  if (first < end) load(first);
  for (std::int64_t k0 = first; k0 < end; k0 += kSlice) {
    for (int e = 0; e < kPer; ++e) {
      slice_a[slice_k<Operands::kRunA>(e)][slice_line<Operands::kRunA>(e)] = next_a[e];
      slice_b[slice_k<Operands::kRunB>(e)][slice_line<Operands::kRunB>(e)] = next_b[e];
    }
    __syncthreads();
    if (k0 + kSlice < end) load(k0 + kSlice);  // on its way while this slice is used
    for (int k = 0; k < kSlice; ++k) {
      C a[kPer], b[kPer];
      for (int e = 0; e < kPer; ++e) {
        a[e] = slice_a[k][top + e];
        b[e] = slice_b[k][left + e];
      }
      for (int i = 0; i < kPer; ++i)
        for (int j = 0; j < kPer; ++j) sums[i][j] += a[i] * b[j];
    }
    __syncthreads();
  }

  for (int r = 0; r < kPer; ++r)
    for (int c = 0; c < kPer; ++c) {
      const std::int64_t i = row0 + top + r, j = column0 + left + c;
      if (i >= p.m || j >= p.n) continue;
      if (cut.parts > 1)
        parts[((part * p.batches + batch) * p.m + i) * p.n + j] = sums[r][c];
      else
        p.store(batch, i, j, sums[r][c]);
    }
}

template <class Operands>
__global__ void __launch_bounds__(kThreads)
    add_parts(Operands p, std::int64_t count, const compute_t<typename Operands::Element>* parts) {
  const std::int64_t size = p.batches * p.m * p.n;
  for (std::int64_t at = thread_index(); at < size; at += thread_count()) {
    compute_t<typename Operands::Element> sum = parts[at];
    for (std::int64_t part = 1; part < count; ++part) sum += parts[part * size + at];
    p.store(at / p.n / p.m, at / p.n % p.m, at % p.n, sum);
  }
}

/// Makes y, which has elements.
template <class Operands>
void product(const char* operation, const Operands& p) {
  using C = compute_t<typename Operands::Element>;
  const Cut cut(p);
  const std::int64_t blocks = p.batches * cut.row_tiles * cut.column_tiles * cut.parts;
  check(blocks <= INT32_MAX, operation, "a product of ", p.batches, " times ", p.m, " x ", p.n,
        " is too large for one launch: use smaller batches");
  Tensor parts;
  if (cut.parts > 1) parts = Tensor::empty({cut.parts, p.batches, p.m, p.n}, {dtype_of<C>(), Device::cuda});
  C* const memory = parts.defined() ? parts.mutable_data<C>() : nullptr;
  DUEL_LAUNCH((multiply<Operands>), static_cast<unsigned>(blocks), kThreads, 0, p, cut, memory);
  if (cut.parts > 1)
    DUEL_LAUNCH((add_parts<Operands>), blocks_for(p.batches * p.m * p.n), kThreads, 0, p, cut.parts, memory);
}

#endif

}  // namespace duel::cuda::direct
