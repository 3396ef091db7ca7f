// Batched matrix product of any strides: cut into independent tiles of the result, packed and cache-blocked.
#include "duel/tensor/cpu/gemm.h"

#include <algorithm>

#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/cpu/isa.h"
#include "duel/tensor/cpu/kernels.h"
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
  while (!enough() && most_n > 2 * columns) most_n /= 2;
  while (!enough() && most_m > 8 * rows) most_m /= 2;
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

// Multiply-adds from which on several threads are faster than one, some 30 us: below, moving the operands from one
// core's cache to another's takes longer. Thin products wait for memory and count as if they were this wide.
constexpr double kWorthwhile = 1 << 21;
constexpr std::int64_t kThin = 16;

template <class T, class F>
void for_each_piece(const Product<T>& p, ProductCut cut, F&& f) {
  const std::int64_t m_blocks = ceil_div(p.m, cut.m_block), n_blocks = ceil_div(p.n, cut.n_block);
  const std::int64_t pieces = p.batch * m_blocks * n_blocks;
  const auto outputs = static_cast<double>(std::max(p.m, kThin)) * static_cast<double>(std::max(p.n, kThin));
  const bool worthwhile = outputs * static_cast<double>(p.batch * p.k) >= kWorthwhile;
  parallel_for(pieces, worthwhile ? 1 : pieces, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t m0 = t / n_blocks % m_blocks * cut.m_block, n0 = t % n_blocks * cut.n_block;
      f(Piece{t / (m_blocks * n_blocks), m0, std::min(m0 + cut.m_block, p.m), n0, std::min(n0 + cut.n_block, p.n)});
    }
  });
}

/// Who reads a block of an operand. What many tasks read is packed once, ahead of them; what one task reads, it packs
/// block by block in its cache; what a single tile reads is not worth packing when it lies right.
enum class Readers { tasks, task, tile };

/// Part of an operand as the kernels read it.
template <class T>
struct PackedBlock {
  const T* data;
  std::int64_t tile, stride;  // between tiles, within one
};

/// One operand as x [batch, k, n], in tiles of `width` of its n: A's rows or B's columns.
template <class T>
class Operand {
 public:
  Operand(const GemmKernels<T>& kernels, Matrices<const T> x, std::int64_t batch, std::int64_t k, std::int64_t n,
          std::int64_t width, TileOrder order, Readers readers)
      : kernels_(kernels),
        x_(x),
        k_(k),
        n_(n),
        width_(width),
        order_(order),
        readers_(readers),
        packed_(readers == Readers::tasks ? distinct(batch) * matrix() : 0) {
    if (readers == Readers::tasks) pack_all(distinct(batch));
  }

  /// Numbers that a block of at most kBlockK x `n` takes.
  std::int64_t block_size(std::int64_t n) const {
    return readers_ == Readers::tasks ? 0 : size(std::min(k_, kBlockK), n);
  }
  /// Rows [k0, k0 + k) and columns [n0, n0 + n); packed into `scratch` unless it was before.
  PackedBlock<T> block(std::int64_t b, std::int64_t k0, std::int64_t k, std::int64_t n0, std::int64_t n,
                       T* scratch) const {
    if (readers_ == Readers::tasks)
      return {packed_.data() + (x_.batch == 0 ? 0 : b * matrix()) + n0 / width_ * tile(k_) + k0 * step(), tile(k_),
              stride(k_)};
    if (readers_ == Readers::tile && order_ == TileOrder::columns && x_.column == 1 && n % kernels_.lanes == 0)
      return {x_.at(b, k0, n0), width_, x_.row};
    pack(b, k0, k, n0, n, scratch, k);
    return {scratch, tile(k), stride(k)};
  }

 private:
  /// A repeated matrix is packed once.
  std::int64_t distinct(std::int64_t batch) const { return x_.batch == 0 ? 1 : batch; }
  std::int64_t stride(std::int64_t k) const { return order_ == TileOrder::rows ? spread_row<T>(k) : width_; }
  std::int64_t tile(std::int64_t k) const {
    return order_ == TileOrder::rows ? width_ * stride(k) : spread_row<T>(width_ * k);
  }
  std::int64_t step() const { return order_ == TileOrder::rows ? 1 : width_; }  // along k
  std::int64_t size(std::int64_t k, std::int64_t n) const { return ceil_div(n, width_) * tile(k); }
  std::int64_t matrix() const { return size(k_, n_); }

  /// Into `out`, the corner of the block, within a packing of `k_whole` rows.
  void pack(std::int64_t b, std::int64_t k0, std::int64_t k, std::int64_t n0, std::int64_t n, T* out,
            std::int64_t k_whole) const {
    if (order_ == TileOrder::rows)
      for (std::int64_t i = 0; i < n; ++i) std::copy_n(x_.at(b, k0, n0 + i), k, out + i * stride(k_whole));
    else
      kernels_.pack({k, n, x_.at(b, k0, n0), x_.row, x_.column, width_, out, tile(k_whole)});
  }

  void pack_all(std::int64_t count) {
    const std::int64_t n_block = 8 * width_, n_blocks = ceil_div(n_, n_block), k_blocks = ceil_div(k_, kBlockK);
    const std::int64_t block = std::min(n_block, n_) * std::min(kBlockK, k_);
    const std::int64_t grain = ceil_div(kGrain, std::max<std::int64_t>(block, 1));
    parallel_for(count * n_blocks * k_blocks, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        const std::int64_t b = t / n_blocks / k_blocks;
        const std::int64_t k0 = t / n_blocks % k_blocks * kBlockK, n0 = t % n_blocks * n_block;
        T* out = packed_.data() + b * matrix() + n0 / width_ * tile(k_) + k0 * step();
        pack(b, k0, std::min(kBlockK, k_ - k0), n0, std::min(n_block, n_ - n0), out, k_);
      }
    });
  }

  const GemmKernels<T>& kernels_;
  Matrices<const T> x_;
  std::int64_t k_, n_, width_;
  TileOrder order_;
  Readers readers_;
  Scratch<T> packed_;
};

Readers readers(std::int64_t other_size, std::int64_t other_block, std::int64_t other_tile) {
  if (other_size > other_block) return Readers::tasks;
  return other_size > other_tile ? Readers::task : Readers::tile;
}

template <class T>
void multiply_tiles(const GemmKernels<T>& kernels, const Product<T>& p) {
  const ProductCut cut = cut_product(p.batch, p.m, p.n, kernels.rows, kernels.columns);
  const TileOrder order = p.a.column == 1 ? TileOrder::rows : TileOrder::columns;
  const Operand<T> a(kernels, p.a.transposed(), p.batch, p.k, p.m, kernels.rows, order, readers(p.n, cut.n_block, 0));
  const Operand<T> b(kernels, p.b, p.batch, p.k, p.n, kernels.columns, TileOrder::columns,
                     readers(p.m, cut.m_block, kernels.rows));
  for_each_piece(p, cut, [&](const Piece& piece) {
    const std::int64_t m = piece.m1 - piece.m0, n = piece.n1 - piece.n0;
    Scratch<T> a_scratch(a.block_size(m)), b_scratch(b.block_size(n));
    Scratch<T*> rows(m);
    for (std::int64_t i = 0; i < m; ++i) rows[i] = p.c.at(piece.batch, piece.m0 + i, piece.n0);
    std::int64_t k0 = 0;
    do {  // once even for k = 0, which makes zeros
      const std::int64_t k = std::min(kBlockK, p.k - k0);
      const PackedBlock<T> as = a.block(piece.batch, k0, k, piece.m0, m, a_scratch.data());
      const PackedBlock<T> bs = b.block(piece.batch, k0, k, piece.n0, n, b_scratch.data());
      kernels.multiply({m, n, k, as.data, as.tile, as.stride, order, bs.data, bs.tile, bs.stride, rows.data(),
                        p.c.column, k0 == 0 ? StoreMode::overwrite : StoreMode::accumulate});
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

void matmul(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& bias) {
  if (y.numel() == 0) return;
  dispatch_floating("matmul", y.dtype(), [&]<class T>(TypeTag<T>) {
    const auto in = [](const Tensor& t) {
      return Matrices<const T>{t.data<T>(), t.strides()[0], t.strides()[1], t.strides()[2]};
    };
    multiply(Product<T>{y.size(0),
                        y.size(1),
                        y.size(2),
                        a.size(2),
                        in(a),
                        in(b),
                        {y.mutable_data<T>(), y.strides()[0], y.strides()[1], y.strides()[2]}});
  });
  if (bias.defined()) binary(BinaryOp::add, y, bias.expand(y.shape()), y, {});
}

}  // namespace duel::cpu
