// Weights [rows, channels, places] as matrices in the order of their memory, and how a block's threads read these: each
// a pack of neighbouring columns of a few rows at once.
#pragma once

#include <cstdint>

#include "duel/cuda/strided.cuh"

namespace duel::cuda {

/// Of rows, columns and blocks: below 2^31.
using Size = std::uint32_t;

constexpr Size kWarps = kThreads / kWarp;
/// Rows that a thread reads at once: enough loads on their way.
constexpr Size kRows = 4;
/// What a block reads at once: a warp has kRows rows, and kTileColumns columns of them.
constexpr Size kTileRows = kRows * kWarps;
template <class T>
constexpr Size kTileColumns = kPack<T>* kWarp;

DUEL_HD Size pieces(Size n, Size size) { return n / size + (n % size != 0); }

struct Strides {
  std::int64_t row, channel, place;
};

/// How a matrix [rows, channels * places] lies in memory, or would if it were dense: as [outer, inner].
struct MatrixOrder {
  Size rows, channels, places;
  bool rows_innermost;      ///< else the columns are
  bool channels_innermost;  ///< among the columns; else the places are

  DUEL_HD Size columns() const { return channels * places; }
  DUEL_HD Size outer() const { return rows_innermost ? columns() : rows; }
  DUEL_HD Size inner() const { return rows_innermost ? rows : columns(); }

  /// Where column i of this order is in a tensor of these strides.
  DUEL_HD std::int64_t column_offset(Size i, const Strides& s) const {
    const Size size = channels_innermost ? channels : places, far = i / size, near = i - far * size;
    return channels_innermost ? near * s.channel + far * s.place : near * s.place + far * s.channel;
  }
  DUEL_HD std::int64_t outer_offset(Size i, const Strides& s) const {
    return rows_innermost ? column_offset(i, s) : i * s.row;
  }
  DUEL_HD std::int64_t inner_offset(Size i, const Strides& s) const {
    return rows_innermost ? i * s.row : column_offset(i, s);
  }

  /// The number, channel * places + place, of column i, and which column has a number.
  DUEL_HD Size number(Size i) const { return channels_innermost ? i % channels * places + i / channels : i; }
  DUEL_HD Size column(Size number) const {
    return channels_innermost ? number % places * channels + number / places : number;
  }
};

inline Strides strides_of(const Tensor& t) { return {t.strides()[0], t.strides()[1], t.strides()[2]}; }

inline MatrixOrder order_of(const char* operation, const Tensor& t) {
  check(t.dim() == 3 && t.size(0) <= INT32_MAX && t.size(1) * t.size(2) <= INT32_MAX, operation,
        "needs [rows, channels, places] of fewer than 2^31 rows and columns, got ", t);
  const Strides s = strides_of(t);
  const auto rows = static_cast<Size>(t.size(0)), channels = static_cast<Size>(t.size(1)),
             places = static_cast<Size>(t.size(2));
  return {.rows = rows,
          .channels = channels,
          .places = places,
          .rows_innermost = rows > 1 && (channels == 1 || s.row < s.channel) && (places == 1 || s.row < s.place),
          .channels_innermost = channels > 1 && places > 1 && s.channel < s.place};
}

/// Whether `t` is [outer, inner] without gaps.
inline bool is_dense(const Tensor& t, const MatrixOrder& o) {
  const std::int64_t columns = o.columns(), rows = o.rows, between = o.rows_innermost ? rows : 1;
  const Strides s = strides_of(t);
  return (rows == 1 || s.row == (o.rows_innermost ? 1 : columns)) &&
         (o.channels == 1 || s.channel == between * (o.channels_innermost ? 1 : o.places)) &&
         (o.places == 1 || s.place == between * (o.channels_innermost ? o.channels : 1));
}

#if defined(__CUDACC__) || defined(DUEL_SIMULATED_CUDA)

/// The columns that a thread reads at once: where they are, and how many there are.
template <class T>
struct Columns {
  std::int64_t at[kPack<T>];
  int count;

  /// Those from `first` on below `end`, column i at offset(i).
  template <class F>
  __device__ Columns(Size first, Size end, const F& offset)
      : count(first < end ? static_cast<int>(min(end - first, Size{kPack<T>})) : 0) {
    DUEL_UNROLL
    for (int j = 0; j < kPack<T>; ++j) at[j] = offset(first + j);
  }
  __device__ Columns(Size first, Size end) : Columns(first, end, [](Size i) { return std::int64_t{i}; }) {}
};

/// Those of the row at p, zeros for what there is not. `in_packs`: whole ones are side by side and aligned.
template <class T>
__device__ inline Pack<T, kPack<T>> load_columns(const T* p, const Columns<T>& c, bool in_packs) {
  if (in_packs && c.count == kPack<T>) return *reinterpret_cast<const Pack<T, kPack<T>>*>(p + c.at[0]);
  Pack<T, kPack<T>> pack;
  DUEL_UNROLL
  for (int j = 0; j < kPack<T>; ++j) pack.v[j] = j < c.count ? p[c.at[j]] : T(0);
  return pack;
}
template <class T>
__device__ inline void store_columns(T* p, const Columns<T>& c, bool in_packs, const Pack<T, kPack<T>>& pack) {
  if (in_packs && c.count == kPack<T>) {
    *reinterpret_cast<Pack<T, kPack<T>>*>(p + c.at[0]) = pack;
    return;
  }
  DUEL_UNROLL
  for (int j = 0; j < kPack<T>; ++j)
    if (j < c.count) p[c.at[j]] = pack.v[j];
}

/// Those of rows `row` to row + kRows, zeros from row `end` on; row i is at begin(i).
template <class T, class F>
__device__ inline void load_rows(const F& begin, Size row, Size end, const Columns<T>& c, bool in_packs,
                                 Pack<T, kPack<T>> (&values)[kRows]) {
  using P = Pack<T, kPack<T>>;
  if (in_packs && c.count == kPack<T> && row + kRows <= end) {
    DUEL_UNROLL
    for (Size k = 0; k < kRows; ++k) values[k] = *reinterpret_cast<const P*>(begin(row + k) + c.at[0]);
    return;
  }
  DUEL_UNROLL
  for (Size k = 0; k < kRows; ++k) values[k] = row + k < end ? load_columns(begin(row + k), c, in_packs) : P{};
}

/// The sum of n numbers, the same in all threads. All of a block must call it; `scratch` as for block_sum.
template <class T>
__device__ inline T block_total(const T* numbers, Size n, T* scratch) {
  T sum = 0;
  for (Size i = threadIdx.x; i < n; i += kThreads) sum += numbers[i];
  return block_sum(sum, scratch);
}

#endif

}  // namespace duel::cuda
