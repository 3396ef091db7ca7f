// Batched matrix product of any strides: cut into independent tiles of the result, packed and cache-blocked.
#include "duel/tensor/cpu/gemm.h"

#include <algorithm>

#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/cpu/isa.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {

template <>
const GemmKernels<float>& gemm_kernels<float>() {
  switch (isa()) {
#ifdef DUEL_SIMD_X86
    case Isa::avx512: return simd_avx512::gemm_float32;
    case Isa::avx2: return simd_avx2::gemm_float32;
#endif
    default: return simd_baseline::gemm_float32;
  }
}

template <>
const GemmKernels<double>& gemm_kernels<double>() {
  switch (isa()) {
#ifdef DUEL_SIMD_X86
    case Isa::avx512: return simd_avx512::gemm_float64;
    case Isa::avx2: return simd_avx2::gemm_float64;
#endif
    default: return simd_baseline::gemm_float64;
  }
}

ProductCut cut_product(std::int64_t copies, std::int64_t m, std::int64_t n, std::int64_t rows, std::int64_t columns) {
  std::int64_t most_m = kBlockM, most_n = kBlockPanels * columns;
  const auto enough = [&] { return copies * ceil_div(m, most_m) * ceil_div(n, most_n) >= kEnoughTasks; };
  while (!enough() && most_n > 4 * columns) most_n /= 2;
  while (!enough() && most_m > 4 * rows) most_m /= 2;
  while (!enough() && most_n > columns) most_n /= 2;
  return {even_block(m, most_m, rows), even_block(n, most_n, columns)};
}

namespace {

/// A batch of matrices of any strides.
template <class T>
struct Matrices {
  T* data;
  std::int64_t batch, row, column;  // strides

  T* at(std::int64_t b, std::int64_t i, std::int64_t j) const { return data + b * batch + i * row + j * column; }
  Matrices transposed() const { return {data, batch, column, row}; }
};

template <class T>
struct Product {
  std::int64_t batch, m, n, k;
  Matrices<const T> a, b;
  Matrices<T> c;

  Product transposed() const { return {batch, n, m, k, b.transposed(), a.transposed(), c.transposed()}; }
};

/// One task: rows [m0, m1) and columns [n0, n1) of product `batch`.
struct Piece {
  std::int64_t batch, m0, m1, n0, n1;
};

template <class T, class F>
void for_each_piece(const Product<T>& p, ProductCut cut, F&& f) {
  const std::int64_t m_blocks = ceil_div(p.m, cut.m_block), n_blocks = ceil_div(p.n, cut.n_block);
  parallel_for(p.batch * m_blocks * n_blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t m0 = t / n_blocks % m_blocks * cut.m_block, n0 = t % n_blocks * cut.n_block;
      f(Piece{t / (m_blocks * n_blocks), m0, std::min(m0 + cut.m_block, p.m), n0, std::min(n0 + cut.n_block, p.n)});
    }
  });
}

/// An operand packed whole, as the kernels read it.
template <class T>
struct Packed {
  Packed(std::int64_t batch_, std::int64_t tile_, std::int64_t stride_, std::int64_t size)
      : batch(batch_), tile(tile_), stride(stride_), data(size) {}

  std::int64_t batch, tile, stride;  ///< between matrices, between tiles or panels, within one
  Scratch<T> data;
};

/// How many different matrices a batch holds: one repeated matrix is packed once.
std::int64_t distinct(std::int64_t batch, std::int64_t stride) { return stride == 0 ? 1 : batch; }

/// The panels of `width` columns of x [batch, k, n].
template <class T>
Packed<T> pack_panels(const GemmKernels<T>& kernels, const Matrices<const T>& x, std::int64_t batch, std::int64_t k,
                      std::int64_t n, std::int64_t width) {
  const std::int64_t matrix = round_up(n, width) * k, count = distinct(batch, x.batch);
  Packed<T> packed(count == 1 ? 0 : matrix, k * width, width, count * matrix);
  const std::int64_t n_block = 8 * width, n_blocks = ceil_div(n, n_block), k_blocks = ceil_div(k, kBlockK);
  parallel_for(count * n_blocks * k_blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t b = t / n_blocks / k_blocks, k0 = t / n_blocks % k_blocks * kBlockK, n0 = t % n_blocks * n_block;
      kernels.pack({std::min(kBlockK, k - k0), std::min(n_block, n - n0), x.at(b, k0, n0), x.row, x.column, width,
                    packed.data.data() + b * matrix + n0 * k + k0 * width, k * width});
    }
  });
  return packed;
}

/// The rows of x [batch, m, k], contiguous in k, at a distance that spreads them over the cache.
template <class T>
Packed<T> pack_rows(const GemmKernels<T>& kernels, const Matrices<const T>& x, std::int64_t batch, std::int64_t m,
                    std::int64_t k) {
  const std::int64_t ld = spread_row<T>(k), count = distinct(batch, x.batch);
  Packed<T> packed(count == 1 ? 0 : m * ld, kernels.rows * ld, ld, count * m * ld);
  parallel_for(count * m, std::max<std::int64_t>(1, kGrain / ld), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      std::copy_n(x.at(i / m, i % m, 0), k, packed.data.data() + i * ld);
  });
  return packed;
}

template <class T>
void multiply_tiles(const GemmKernels<T>& kernels, const Product<T>& p) {
  const bool by_rows = p.a.column == 1;
  const Packed<T> a = by_rows ? pack_rows(kernels, p.a, p.batch, p.m, p.k)
                              : pack_panels(kernels, p.a.transposed(), p.batch, p.k, p.m, kernels.rows);
  const Packed<T> b = pack_panels(kernels, p.b, p.batch, p.k, p.n, kernels.columns);
  const ProductCut cut = cut_product(p.batch, p.m, p.n, kernels.rows, kernels.columns);
  for_each_piece(p, cut, [&](const Piece& piece) {
    const std::int64_t m = piece.m1 - piece.m0, n = piece.n1 - piece.n0;
    Scratch<T*> rows(m);
    for (std::int64_t i = 0; i < m; ++i) rows[i] = p.c.at(piece.batch, piece.m0 + i, piece.n0);
    const T* a_corner = a.data.data() + piece.batch * a.batch + piece.m0 / kernels.rows * a.tile;
    const T* b_corner = b.data.data() + piece.batch * b.batch + piece.n0 / kernels.columns * b.tile;
    std::int64_t k0 = 0;
    do {  // once even for k = 0, which makes zeros
      kernels.multiply({.m = m,
                        .n = n,
                        .k = std::min(kBlockK, p.k - k0),
                        .a = a_corner + k0 * (by_rows ? 1 : a.stride),
                        .a_tile = a.tile,
                        .lda = a.stride,
                        .order = by_rows ? TileOrder::rows : TileOrder::columns,
                        .b = b_corner + k0 * b.stride,
                        .b_panel = b.tile,
                        .ldb = b.stride,
                        .c = rows.data(),
                        .c_stride = p.c.column,
                        .mode = k0 == 0 ? StoreMode::overwrite : StoreMode::accumulate});
      k0 += kBlockK;
    } while (k0 < p.k);
  });
}

/// Few columns, A contiguous along k: inner products straight from A, with B's columns made contiguous too.
template <class T>
void multiply_narrow_piece(const GemmKernels<T>& kernels, const Product<T>& p, const Piece& piece) {
  const std::int64_t m = piece.m1 - piece.m0;
  const bool in_place = p.b.row == 1;
  Scratch<T> columns(in_place ? 0 : p.n * p.k);
  if (!in_place)
    for (std::int64_t j = 0; j < p.n; ++j)
      for (std::int64_t q = 0; q < p.k; ++q) columns[j * p.k + q] = *p.b.at(piece.batch, q, j);
  Scratch<T*> rows(m);
  for (std::int64_t i = 0; i < m; ++i) rows[i] = p.c.at(piece.batch, piece.m0 + i, 0);
  kernels.multiply_narrow({.m = m,
                           .n = p.n,
                           .k = p.k,
                           .a = p.a.at(piece.batch, piece.m0, 0),
                           .lda = p.a.row,
                           .b = in_place ? p.b.at(piece.batch, 0, 0) : columns.data(),
                           .ldb = in_place ? p.b.column : p.k,
                           .c = rows.data(),
                           .c_stride = p.c.column,
                           .mode = StoreMode::overwrite});
}

template <class T>
void multiply(Product<T> p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const std::int64_t few = kernels.lanes / 2;
  // The wide dimension goes along the packets, unless both operands lie ready for inner products; else C's own order.
  const bool few_rows = p.m <= few && p.n > few, few_columns = p.n <= few;
  if (few_rows ? p.b.row == 1 : few_columns ? p.a.column != 1 : p.c.column != 1 && p.c.row == 1) p = p.transposed();
  if (p.n <= few && p.a.column == 1) {
    const ProductCut cut{even_block(p.m, kBlockM, kernels.rows), p.n};
    for_each_piece(p, cut, [&](const Piece& piece) { multiply_narrow_piece(kernels, p, piece); });
  } else {
    multiply_tiles(kernels, p);
  }
}

}  // namespace

void matmul(const Tensor& a, const Tensor& b, const Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating("matmul", y.dtype(), [&]<class T>(TypeTag<T>) {
    const auto in = [](const Tensor& t) {
      return Matrices<const T>{t.data<T>(), t.strides()[0], t.strides()[1], t.strides()[2]};
    };
    multiply(Product<T>{y.size(0), y.size(1), y.size(2), a.size(2), in(a), in(b),
                        {y.mutable_data<T>(), y.strides()[0], y.strides()[1], y.strides()[2]}});
  });
}

}  // namespace duel::cpu
