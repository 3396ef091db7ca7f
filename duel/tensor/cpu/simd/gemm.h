// The inner loops of matrix products and convolutions: tables of functions on plain pointers, one per instruction set.
#pragma once

#include <cstdint>

namespace duel::cpu {

/// How operand A[i, p] lies in a tile of rows: `rows` a[i * lda + p], `columns` a[p * lda + i]. Windows of pictures,
/// read where they overlap: `windows` a[i * lda + offsets[p]], `window_columns` a[offsets[p] + i].
enum class TileOrder { rows, columns, windows, window_columns };
/// To write over C, to add to it, or to write over it past the caches, for results that are larger than those; they
/// need rows that begin at whole packets.
enum class StoreMode { overwrite, accumulate, stream };

/// C[m, n] = A[m, k] B[k, n], or C += A B. Each element of A B is one chain of multiply-adds over k, added to C when it
/// is whole: long sums in blocks of k have smaller rounding errors than in one chain.
template <class T>
struct GemmBlock {
  std::int64_t m, n, k;
  const T* a;                ///< tiles of GemmKernels::rows rows, the last one with the rows that are left
  std::int64_t a_tile, lda;  ///< distance between tiles (not of windows); stride within one, see `order`
  TileOrder order;
  const T* b;                 ///< panels of GemmKernels::columns columns, b[p * ldb + j]; readable to whole packets
  std::int64_t b_panel, ldb;  ///< distance between panels; stride within one
  T* const* c;                ///< m pointers to the rows of C
  std::int64_t c_stride;      ///< distance between columns of C; 1 is the fast case
  StoreMode mode;
  const std::int64_t* offsets = nullptr;  ///< k of them, for windows
};

/// The same for few columns: inner products along packets of k, so that no lane of a packet is wasted on columns that
/// do not exist.
template <class T>
struct NarrowGemmBlock {
  std::int64_t m, n, k;
  const T* a;  ///< a[i * lda + p]
  std::int64_t lda;
  const T* b;  ///< b[j * ldb + p]
  std::int64_t ldb;
  T* const* c;
  std::int64_t c_stride;
  StoreMode mode;
};

/// A matrix [k, n] to be cut into panels of `width` columns: out[panel * out_panel + p * width + j]. The last panel is
/// filled up with zeros.
template <class T>
struct PanelPack {
  std::int64_t k, n;
  const T* source;  ///< source[p * k_stride + j * n_stride]
  std::int64_t k_stride, n_stride;
  std::int64_t width;
  T* out;
  std::int64_t out_panel;
};

template <class T>
struct GemmKernels {
  std::int64_t rows, columns;  ///< the register tile
  std::int64_t lanes;          ///< numbers in a packet
  void (*multiply)(const GemmBlock<T>&);
  void (*multiply_narrow)(const NarrowGemmBlock<T>&);
  void (*pack)(const PanelPack<T>&);
  /// y[j] = or += the sum over i < terms of a[i][j] * b[i][j], for j < n.
  void (*multiply_alike)(const T* const* a, const T* const* b, std::int64_t terms, T* y, std::int64_t n,
                         StoreMode mode);
};

#define DUEL_DECLARE_GEMM_KERNELS(set)           \
  namespace set {                                \
  extern const GemmKernels<float> gemm_float32;  \
  extern const GemmKernels<double> gemm_float64; \
  }
DUEL_DECLARE_GEMM_KERNELS(simd_baseline)
DUEL_DECLARE_GEMM_KERNELS(simd_avx2)
DUEL_DECLARE_GEMM_KERNELS(simd_avx512)
#undef DUEL_DECLARE_GEMM_KERNELS

}  // namespace duel::cpu
