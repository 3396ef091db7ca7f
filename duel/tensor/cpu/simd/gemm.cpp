// Register-tiled micro-kernels of the matrix product, the packing of their operands, and the loops around them for one
// cache block.
#include "duel/tensor/cpu/simd/gemm.h"

#include <utility>

#include "duel/tensor/cpu/simd/gemm_packet.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {
namespace {

// The register tile: kRows x kPackets accumulators, kPackets of B and one broadcast of A fill the register file.
#if defined(__AVX512F__)
constexpr int kRows = 12;
#elif defined(__AVX2__)
constexpr int kRows = 6;
#else
constexpr int kRows = 4;  // multiply and add are two instructions there and need a spare register
#endif
constexpr int kPackets = 2;
template <class T>
constexpr int kColumns = kPackets* kLanes<T>;

template <class T>
using Tile = void (*)(std::int64_t k, const T* a, std::int64_t lda, const T* b, std::int64_t ldb, T* const* c,
                      std::int64_t j, StoreMode mode);

/// c[0..Rows)[j .. j + Packets * kLanes) = A B.
template <class T, TileOrder order, int Packets, int Rows>
void multiply_tile(std::int64_t k, const T* a, std::int64_t lda, const T* b, std::int64_t ldb, T* const* c,
                   std::int64_t j, StoreMode mode) {
  Packet<T> sums[Rows][Packets];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int q = 0; q < Packets; ++q) sums[i][q] = broadcast(T(0));

  // One pointer per three rows: with lda and 2 * lda as index registers all rows fit the addressing modes.
  constexpr int kGroups = (Rows + 2) / 3;
  const T* group[kGroups];
  for (int i = 0; i < kGroups; ++i) group[i] = order == TileOrder::rows ? a + 3 * i * lda : a + 3 * i;
  const std::int64_t row_step = order == TileOrder::rows ? lda : 1, k_step = order == TileOrder::rows ? 1 : lda;

  for (std::int64_t p = 0; p < k; ++p) {
    Packet<T> bs[Packets];
#pragma GCC unroll 4
    for (int q = 0; q < Packets; ++q) bs[q] = load(b + q * kLanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Packet<T> ai = broadcast(group[i / 3][i % 3 * row_step]);
#pragma GCC unroll 4
      for (int q = 0; q < Packets; ++q) sums[i][q] = multiply_add<T>(ai, bs[q], sums[i][q]);
    }
    b += ldb;
#pragma GCC unroll 8
    for (int i = 0; i < kGroups; ++i) group[i] += k_step;
  }

#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int q = 0; q < Packets; ++q) {
      T* out = c[i] + j + q * kLanes<T>;
      store<T>(out, mode == StoreMode::accumulate ? add<T>(load(out), sums[i][q]) : sums[i][q]);
    }
}

/// Tiles of every height, so that the rows left over cost what they are.
template <class T, TileOrder order, int Packets>
struct Tiles {
  template <int... i>
  static constexpr auto make(std::integer_sequence<int, i...>) {
    return Tiles{{multiply_tile<T, order, Packets, i + 1>...}};
  }
  Tile<T> by_rows[kRows];
};
template <class T, TileOrder order, int Packets>
constexpr Tiles<T, order, Packets> kTiles = Tiles<T, order, Packets>::make(std::make_integer_sequence<int, kRows>{});

template <class T>
Tile<T> select_tile(TileOrder order, std::int64_t rows, std::int64_t columns) {
  const bool one = columns <= kLanes<T>;
  if (order == TileOrder::rows)
    return one ? kTiles<T, TileOrder::rows, 1>.by_rows[rows - 1] : kTiles<T, TileOrder::rows, 2>.by_rows[rows - 1];
  return one ? kTiles<T, TileOrder::columns, 1>.by_rows[rows - 1] : kTiles<T, TileOrder::columns, 2>.by_rows[rows - 1];
}

/// A tile that C cannot take in whole packets: through a buffer.
template <class T>
void multiply_edge(const GemmBlock<T>& g, Tile<T> tile, const T* a, const T* b, T* const* c, std::int64_t rows,
                   std::int64_t j, std::int64_t columns) {
  T buffer[kRows * kColumns<T>];
  T* buffer_rows[kRows];
  for (std::int64_t i = 0; i < rows; ++i) {
    buffer_rows[i] = buffer + i * kColumns<T>;
    for (std::int64_t q = 0; q < kColumns<T>; ++q)
      buffer_rows[i][q] = g.mode == StoreMode::accumulate && q < columns ? c[i][(j + q) * g.c_stride] : T(0);
  }
  tile(g.k, a, g.lda, b, g.ldb, buffer_rows, 0, g.mode);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t q = 0; q < columns; ++q) c[i][(j + q) * g.c_stride] = buffer_rows[i][q];
}

template <class T>
void multiply(const GemmBlock<T>& g) {
  const T* b = g.b;
  for (std::int64_t j = 0; j < g.n; j += kColumns<T>, b += g.b_panel) {
    const std::int64_t columns = g.n - j < kColumns<T> ? g.n - j : kColumns<T>;
    const bool whole = columns % kLanes<T> == 0 && g.c_stride == 1;
    const T* a = g.a;
    for (std::int64_t i = 0; i < g.m; i += kRows, a += g.a_tile) {
      const std::int64_t rows = g.m - i < kRows ? g.m - i : kRows;
      const Tile<T> tile = select_tile<T>(g.order, rows, columns);
      if (whole)
        tile(g.k, a, g.lda, b, g.ldb, g.c + i, j, g.mode);
      else
        multiply_edge(g, tile, a, b, g.c + i, rows, j, columns);
    }
  }
}

/// Rows x Columns inner products at once.
template <class T, int Rows, int Columns>
void multiply_narrow_tile(const NarrowGemmBlock<T>& g, std::int64_t i0, std::int64_t j0) {
  const T* a = g.a + i0 * g.lda;
  const T* b = g.b + j0 * g.ldb;
  Packet<T> sums[Rows][Columns];
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < Columns; ++j) sums[i][j] = broadcast(T(0));
  const std::int64_t whole = g.k - g.k % kLanes<T>;
  for (std::int64_t p = 0; p < whole; p += kLanes<T>) {
    Packet<T> bs[Columns];
#pragma GCC unroll 4
    for (int j = 0; j < Columns; ++j) bs[j] = load(b + j * g.ldb + p);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const Packet<T> ai = load(a + i * g.lda + p);
#pragma GCC unroll 4
      for (int j = 0; j < Columns; ++j) sums[i][j] = multiply_add<T>(ai, bs[j], sums[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < Columns; ++j) {
      T total = sum<T>(sums[i][j]);
      for (std::int64_t p = whole; p < g.k; ++p) total += a[i * g.lda + p] * b[j * g.ldb + p];
      T& c = g.c[i0 + i][(j0 + j) * g.c_stride];
      c = g.mode == StoreMode::accumulate ? c + total : total;
    }
}

template <class T, int Columns>
void multiply_narrow_columns(const NarrowGemmBlock<T>& g, std::int64_t j) {
  constexpr int kFit = kRows * kPackets / Columns;
  constexpr int kTile = kFit < 8 ? kFit : 8;
  std::int64_t i = 0;
  for (; i + kTile <= g.m; i += kTile) multiply_narrow_tile<T, kTile, Columns>(g, i, j);
  for (; i < g.m; ++i) multiply_narrow_tile<T, 1, Columns>(g, i, j);
}

template <class T>
void multiply_narrow(const NarrowGemmBlock<T>& g) {
  std::int64_t j = 0;
  for (; j + 4 <= g.n; j += 4) multiply_narrow_columns<T, 4>(g, j);
  if (g.n - j == 3) multiply_narrow_columns<T, 3>(g, j);
  if (g.n - j == 2) multiply_narrow_columns<T, 2>(g, j);
  if (g.n - j == 1) multiply_narrow_columns<T, 1>(g, j);
}

/// Whole panels from rows that are contiguous in k, packet by packet through registers; returns the columns done.
template <class T>
std::int64_t pack_transposed(const PanelPack<T>& g) {
  T* out = g.out;
  std::int64_t j = 0;
  for (; j + g.width <= g.n; j += g.width, out += g.out_panel)
    for (std::int64_t q = 0; q < g.width; q += kLanes<T>) {
      const T* source = g.source + (j + q) * g.n_stride;
      std::int64_t p = 0;
      for (; p + kLanes<T> <= g.k; p += kLanes<T>)
        transpose_square(source + p, g.n_stride, out + p * g.width + q, g.width);
      for (; p < g.k; ++p)
        for (std::int64_t i = 0; i < kLanes<T>; ++i) out[p * g.width + q + i] = source[i * g.n_stride + p];
    }
  return j;
}

/// Whole panels of a constant width from rows that are contiguous in n; returns the columns done. The source is read
/// along its rows, which processors fetch ahead.
template <class T, int width>
std::int64_t pack_straight(const PanelPack<T>& g) {
  const std::int64_t panels = g.n / width;
  for (std::int64_t p = 0; p < g.k; ++p) {
    const T* source = g.source + p * g.k_stride;
    T* out = g.out + p * width;
    for (std::int64_t panel = 0; panel < panels; ++panel, source += width, out += g.out_panel)
      __builtin_memcpy(out, source, width * sizeof(T));
  }
  return panels * width;
}

template <class T>
void pack(const PanelPack<T>& g) {
  std::int64_t done = 0;
  if (g.n_stride == 1 && g.width == kColumns<T>)
    done = pack_straight<T, kColumns<T>>(g);
  else if (g.n_stride == 1 && g.width == kRows)
    done = pack_straight<T, kRows>(g);
  else if (g.k_stride == 1 && g.width % kLanes<T> == 0)
    done = pack_transposed(g);
  for (std::int64_t j = done; j < (g.n + g.width - 1) / g.width * g.width; ++j) {
    T* out = g.out + j / g.width * g.out_panel + j % g.width;
    for (std::int64_t p = 0; p < g.k; ++p)
      out[p * g.width] = j < g.n ? g.source[p * g.k_stride + j * g.n_stride] : T(0);
  }
}

}  // namespace

const GemmKernels<float> gemm_float32 = {kRows,           kColumns<float>,        kLanes<float>,
                                         multiply<float>, multiply_narrow<float>, pack<float>};
const GemmKernels<double> gemm_float64 = {
    kRows, kColumns<double>, kLanes<double>, multiply<double>, multiply_narrow<double>, pack<double>};

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
