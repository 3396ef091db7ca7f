// Copies between strides and dtypes, and constants.
#include <cstring>

#include "duel/tensor/convert.h"
#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

template <class To, class From>
void copy_rows(const Strided<2>& s, To* dst, const From* src) {
  const std::int64_t dc = s.col_step(0), sc = s.col_step(1), dr = s.row_step(0), sr = s.row_step(1);
  for_each_block(s, [&](const auto& at, std::int64_t rows, std::int64_t n) {
    for (std::int64_t r = 0; r < rows; ++r) {
      To* d = dst + at[0] + r * dr;
      const From* from = src + at[1] + r * sr;
      if (dc == 1 && sc == 1) {
        if constexpr (std::is_same_v<To, From>) {
          std::memcpy(d, from, static_cast<std::size_t>(n) * sizeof(To));
        } else {
          for (std::int64_t i = 0; i < n; ++i) d[i] = convert<To>(from[i]);
        }
      } else {
        for (std::int64_t i = 0; i < n; ++i) d[i * dc] = convert<To>(from[i * sc]);
      }
    }
  });
}

// The dimension along which src runs at unit step while dst runs at unit step along the innermost; -1 when a copy row
// by row will do.
int transposed_dim(const Strided<2>& s) {
  if (s.col_step(0) != 1 || s.col_step(1) <= 1) return -1;
  for (int d = 0; d < s.dims - 1; ++d)
    if (s.stride[d][1] == 1) return d;
  return -1;
}

// Rows (unit step in src) by columns (unit step in dst) in square tiles, so that each cache line of either side is
// fetched once.
template <class To, class From>
void copy_transposed(Strided<2> s, int row_dim, To* dst, const From* src) {
  constexpr std::int64_t kTile = 32;
  std::rotate(s.size.begin() + row_dim, s.size.begin() + row_dim + 1, s.size.begin() + s.dims - 1);
  std::rotate(s.stride.begin() + row_dim, s.stride.begin() + row_dim + 1, s.stride.begin() + s.dims - 1);
  const std::int64_t rows = s.size[s.dims - 2], cols = s.row_size(), dr = s.row_step(0), sc = s.col_step(1);
  const std::int64_t row_tiles = ceil_div(rows, kTile), col_tiles = ceil_div(cols, kTile);
  const std::int64_t matrices = s.numel() / (rows * cols), tile = std::min(rows, kTile) * std::min(cols, kTile);
  parallel_for(matrices * row_tiles * col_tiles, kGrain / tile, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t r0 = i / col_tiles % row_tiles * kTile, c0 = i % col_tiles * kTile;
      const std::int64_t m = std::min(kTile, rows - r0), n = std::min(kTile, cols - c0);
      const auto at = s.offset(i / (row_tiles * col_tiles), 2);
      To* d = dst + at[0] + r0 * dr + c0;
      const From* from = src + at[1] + r0 + c0 * sc;
      if constexpr (std::is_same_v<To, From> && std::is_floating_point_v<To>) {
        loops<To>().copy.transpose(from, sc, d, dr, m, n);
      } else {
        for (std::int64_t r = 0; r < m; ++r)
          for (std::int64_t c = 0; c < n; ++c) d[r * dr + c] = convert<To>(from[r + c * sc]);
      }
    }
  });
}

}  // namespace

void copy(const Tensor& src, const Tensor& dst) {
  if (dst.numel() == 0) return;
  const auto s = strided<2>(dst.shape(), {dst.strides(), src.strides()});
  const int row_dim = transposed_dim(s);
  dispatch(dst.dtype(), [&](auto to) {
    dispatch(src.dtype(), [&](auto from) {
      auto* d = dst.mutable_data<typename decltype(to)::type>();
      const auto* p = src.data<typename decltype(from)::type>();
      if (row_dim >= 0)
        copy_transposed(s, row_dim, d, p);
      else
        copy_rows(s, d, p);
    });
  });
}

void fill(const Tensor& dst, double value) {
  if (dst.numel() == 0) return;
  dispatch(dst.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto s = strided<1>(dst.shape(), {dst.strides()});
    const T v = convert<T>(value);
    T* p = dst.mutable_data<T>();
    for_each_block(s, [&](const auto& at, std::int64_t rows, std::int64_t n) {
      for (std::int64_t r = 0; r < rows; ++r) {
        T* row = p + at[0] + r * s.row_step(0);
        if (s.col_step(0) == 1) {
          std::fill_n(row, n, v);
        } else {
          for (std::int64_t i = 0; i < n; ++i) row[i * s.col_step(0)] = v;
        }
      }
    });
  });
}

}  // namespace duel::cpu
