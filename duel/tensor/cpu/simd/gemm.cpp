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
using Tile = void (*)(const GemmBlock<T>& g, const T* a, const T* b, T* const* c, std::int64_t j);

/// Whether A's rows lie side by side; whether offsets say where A's columns are.
template <TileOrder order>
constexpr bool kRowsFollow = order == TileOrder::columns || order == TileOrder::window_columns;
constexpr bool has_offsets(TileOrder order) {
  return order == TileOrder::windows || order == TileOrder::window_columns;
}

/// c[0..Rows)[j .. j + Packets * kLanes) = A B.
template <class T, TileOrder order, int Packets, int Rows>
void multiply_tile(const GemmBlock<T>& g, const T* a, const T* b, T* const* c, std::int64_t j) {
  const std::int64_t k = g.k, lda = g.lda, ldb = g.ldb;
  Packet<T> sums[Rows][Packets];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int q = 0; q < Packets; ++q) sums[i][q] = broadcast(T(0));

  // One pointer per three rows: with one and two rows' distance as index registers all rows fit the addressing modes.
  constexpr int kGroups = (Rows + 2) / 3;
  const std::int64_t row_step = kRowsFollow<order> ? 1 : lda, k_step = order == TileOrder::rows ? 1 : lda;
  const T* group[kGroups];
  for (int i = 0; i < kGroups; ++i) group[i] = a + 3 * i * row_step;

  for (std::int64_t p = 0; p < k; ++p) {
    Packet<T> bs[Packets];
#pragma GCC unroll 4
    for (int q = 0; q < Packets; ++q) bs[q] = load(b + q * kLanes<T>);
    const std::int64_t offset = has_offsets(order) ? g.offsets[p] : 0;
    const std::int64_t row[3] = {offset, offset + row_step, offset + 2 * row_step};
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Packet<T> ai = broadcast(group[i / 3][row[i % 3]]);
#pragma GCC unroll 4
      for (int q = 0; q < Packets; ++q) sums[i][q] = multiply_add<T>(ai, bs[q], sums[i][q]);
    }
    // Fetches what is not in the cache yet: the next tile of A; or rows of B to come, where windows make up A.
    constexpr std::int64_t kLine = 64 / sizeof(T), kAhead = 32;
    if constexpr (order == TileOrder::rows) __builtin_prefetch(a + g.a_tile + p * kLine);
    if constexpr (order == TileOrder::window_columns)
      for (int q = 0; q < Packets * kLanes<T>; q += kLine) __builtin_prefetch(b + kAhead * ldb + q);
    b += ldb;
    if constexpr (!has_offsets(order)) {
#pragma GCC unroll 8
      for (int i = 0; i < kGroups; ++i) group[i] += k_step;
    }
  }

#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int q = 0; q < Packets; ++q) {
      T* out = c[i] + j + q * kLanes<T>;
      if (g.mode == StoreMode::stream)
        stream<T>(out, sums[i][q]);
      else
        store<T>(out, g.mode == StoreMode::accumulate ? add<T>(load(out), sums[i][q]) : sums[i][q]);
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
  const auto select = [&]<TileOrder fixed>() {
    return columns <= kLanes<T> ? kTiles<T, fixed, 1>.by_rows[rows - 1] : kTiles<T, fixed, 2>.by_rows[rows - 1];
  };
  switch (order) {
    case TileOrder::rows: return select.template operator()<TileOrder::rows>();
    case TileOrder::columns: return select.template operator()<TileOrder::columns>();
    case TileOrder::windows: return select.template operator()<TileOrder::windows>();
    default: return select.template operator()<TileOrder::window_columns>();
  }
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
  tile(g, a, b, buffer_rows, 0);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t q = 0; q < columns; ++q) c[i][(j + q) * g.c_stride] = buffer_rows[i][q];
}

/// Fetches rows [p0, p1) of a panel, which processors by themselves begin to fetch only when it is being waited for.
template <class T>
void prefetch_panel(const T* b, std::int64_t ldb, std::int64_t p0, std::int64_t p1) {
  constexpr std::int64_t kLine = 64 / sizeof(T);
  for (std::int64_t p = p0; p < p1; ++p)
    for (std::int64_t q = 0; q < kColumns<T>; q += kLine) __builtin_prefetch(b + p * ldb + q, 0, 2);
}

template <class T>
void multiply(const GemmBlock<T>& g) {
  // Windows may be cut anywhere: into tiles of one height, for a low one leaves the processor waiting for its sums.
  const bool windows = has_offsets(g.order);
  const std::int64_t tiles = (g.m + kRows - 1) / kRows, height = windows ? (g.m + tiles - 1) / tiles : kRows;
  const std::int64_t a_tile = !windows ? g.a_tile : g.order == TileOrder::windows ? height * g.lda : height;
  const std::int64_t share = g.k / tiles + 1;  // of the next panel, with each tile
  const T* b = g.b;
  for (std::int64_t j = 0; j < g.n; j += kColumns<T>, b += g.b_panel) {
    const std::int64_t columns = g.n - j < kColumns<T> ? g.n - j : kColumns<T>;
    const bool whole = columns % kLanes<T> == 0 && g.c_stride == 1;
    const T* a = g.a;
    std::int64_t fetched = j + kColumns<T> < g.n && !windows ? 0 : g.k;
    for (std::int64_t i = 0; i < g.m; i += height, a += a_tile) {
      const std::int64_t fetch_end = fetched + share < g.k ? fetched + share : g.k;
      prefetch_panel(b + g.b_panel, g.ldb, fetched, fetch_end);
      fetched = fetch_end;
      const std::int64_t rows = g.m - i < height ? g.m - i : height;
      const Tile<T> tile = select_tile<T>(g.order, rows, columns);
      if (whole)
        tile(g, a, b, g.c + i, j);
      else
        multiply_edge(g, tile, a, b, g.c + i, rows, j, columns);
    }
  }
  if (g.mode == StoreMode::stream) stream_end();
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

/// The same for any width.
template <class T>
std::int64_t pack_straight(const PanelPack<T>& g) {
  if (g.width == kColumns<T>) return pack_straight<T, kColumns<T>>(g);
  if (g.width == kRows) return pack_straight<T, kRows>(g);
  if (g.width == 16) return pack_straight<T, 16>(g);
  const std::int64_t panels = g.n / g.width;
  for (std::int64_t p = 0; p < g.k; ++p)
    for (std::int64_t panel = 0; panel < panels; ++panel)
      __builtin_memcpy(g.out + panel * g.out_panel + p * g.width, g.source + p * g.k_stride + panel * g.width,
                       static_cast<std::size_t>(g.width) * sizeof(T));
  return panels * g.width;
}

template <class T>
void pack(const PanelPack<T>& g) {
  std::int64_t done = 0;
  if (g.n_stride == 1)
    done = pack_straight(g);
  else if (g.k_stride == 1 && g.width % kLanes<T> == 0)
    done = pack_transposed(g);
  for (std::int64_t j = done; j < (g.n + g.width - 1) / g.width * g.width; ++j) {
    T* out = g.out + j / g.width * g.out_panel + j % g.width;
    for (std::int64_t p = 0; p < g.k; ++p)
      out[p * g.width] = j < g.n ? g.source[p * g.k_stride + j * g.n_stride] : T(0);
  }
}

template <class T, int Packets>
void multiply_alike_packets(const T* const* a, const T* const* b, std::int64_t terms, T* y, std::int64_t j,
                            StoreMode mode) {
  Packet<T> sums[Packets];
#pragma GCC unroll 4
  for (int q = 0; q < Packets; ++q) sums[q] = broadcast(T(0));
  for (std::int64_t i = 0; i < terms; ++i)
#pragma GCC unroll 4
    for (int q = 0; q < Packets; ++q)
      sums[q] = multiply_add<T>(load(a[i] + j + q * kLanes<T>), load(b[i] + j + q * kLanes<T>), sums[q]);
#pragma GCC unroll 4
  for (int q = 0; q < Packets; ++q) {
    T* out = y + j + q * kLanes<T>;
    store<T>(out, mode == StoreMode::accumulate ? add<T>(load(out), sums[q]) : sums[q]);
  }
}

template <class T>
void multiply_alike(const T* const* a, const T* const* b, std::int64_t terms, T* y, std::int64_t n, StoreMode mode) {
  std::int64_t j = 0;
  for (; j + 4 * kLanes<T> <= n; j += 4 * kLanes<T>) multiply_alike_packets<T, 4>(a, b, terms, y, j, mode);
  for (; j + kLanes<T> <= n; j += kLanes<T>) multiply_alike_packets<T, 1>(a, b, terms, y, j, mode);
  for (; j < n; ++j) {
    T sum = 0;
    for (std::int64_t i = 0; i < terms; ++i) sum += a[i][j] * b[i][j];
    y[j] = mode == StoreMode::accumulate ? y[j] + sum : sum;
  }
}

template <class T>
constexpr GemmKernels<T> kernels() {
  return {kRows, kColumns<T>, kLanes<T>, multiply<T>, multiply_narrow<T>, pack<T>, multiply_alike<T>};
}

}  // namespace

const GemmKernels<float> gemm_float32 = kernels<float>();
const GemmKernels<double> gemm_float64 = kernels<double>();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
