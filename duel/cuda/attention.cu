// Attention by tiles (Dao et al. 2022): scores of some queries and some keys at a time stay in registers and shared
// memory; each row's running maximum and sum make the softmax of tile after tile exact.
#include <cmath>

#include "duel/cuda/attention_products.h"
#include "duel/cuda/attention_tiles.cuh"
#include "duel/cuda/kernels.h"
#include "duel/tensor/math.h"

namespace duel::cuda {
namespace {

using namespace tiles;

/// The sum over the threads of a row, the same in each.
template <class C>
__device__ C row_sum(C v) {
  for (int step = kSide / 2; step > 0; step /= 2) v += __shfl_xor_sync(0xffffffffu, v, step);
  return v;
}

/// The state of the softmax of this thread's rows.
template <class C>
struct RunningSoftmax {
  C top[kPer], sum[kPer] = {};  // `sum`: of this thread's columns

  __device__ RunningSoftmax() {
    for (C& t : top) t = static_cast<C>(-HUGE_VAL);
  }
  /// scores = exp(scores - the largest so far), and out to that scale too. Columns from `columns` on take no part.
  template <int n, int m>
  __device__ void update(C (&scores)[kPer][n], C scale, std::int64_t columns, C (&out)[kPer][m]) {
    DUEL_UNROLL
    for (int i = 0; i < kPer; ++i) {
      C found = top[i];
      DUEL_UNROLL
      for (int j = 0; j < n; ++j) {
        scores[i][j] = column(j) < columns ? scores[i][j] * scale : static_cast<C>(-HUGE_VAL);
        found = scores[i][j] > found ? scores[i][j] : found;
      }
      found = max_across<kSide>(found);
      const C shift = found == static_cast<C>(-HUGE_VAL) ? C(0) : found;  // nothing but -inf so far: p = 0
      const C correction = math::exp(top[i] - shift);
      top[i] = found;
      sum[i] *= correction;
      DUEL_UNROLL
      for (int j = 0; j < n; ++j) {
        scores[i][j] = math::exp(scores[i][j] - shift);
        sum[i] += scores[i][j];
      }
      DUEL_UNROLL
      for (int j = 0; j < m; ++j) out[i][j] *= correction;
    }
  }
};

/// A block makes `width` columns of some rows of y.
template <class T, int width>
__global__ void __launch_bounds__(kThreads) attend(Matrix<T> qs, Matrix<T> ks, Matrix<T> vs, compute_t<T> scale,
                                                   std::int64_t row_tiles, T* y, compute_t<T>* lse) {
  using C = compute_t<T>;
  __shared__ Memory<C, width> memory;
  const std::int64_t b = blockIdx.x / row_tiles, row = blockIdx.x % row_tiles * kRows,
                     first = std::int64_t{blockIdx.y} * width;
  const Matrix<T> q = qs.at(b), k = ks.at(b), v = vs.at(b);
  RunningSoftmax<C> softmax;
  C out[kPer][width / kSide] = {};
  for (std::int64_t key = 0; key < k.rows; key += kColumns<C>) {
    C scores[kPer][kColumns<C> / kSide] = {};
    multiply_rows(scores, q, row, k, key, memory);
    softmax.update(scores, scale, k.rows - key, out);
    share_weights(scores, memory);
    add_weighed(out, v, key, first, memory);
  }
  DUEL_UNROLL
  for (int i = 0; i < kPer; ++i) {
    const C sum = row_sum(softmax.sum[i]), share = 1 / sum;
    DUEL_UNROLL
    for (int j = 0; j < width / kSide; ++j) out[i][j] *= share;
    const std::int64_t r = row + kPer * thread_y() + i;
    if (r < q.rows && thread_x() == 0 && blockIdx.y == 0) lse[b * q.rows + r] = softmax.top[i] + math::log(sum);
  }
  store_tile(out, y + b * q.rows * v.width, q.rows, v.width, row, first);
}

}  // namespace

void attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y, const Tensor& lse) {
  if (lse.numel() == 0) return;
  if (const std::int64_t samples = samples_by_products(q, k))
    return attention_by_products(q, k, v, scale, y, lse, samples);
  const std::int64_t batch = q.size(0), tiles = ceil_div(q.size(1), kRows);
  dispatch_computed("attention", q.dtype(), [&]<class T>(TypeTag<T>) {
    using C = compute_t<T>;
    const auto matrix = [](const Tensor& t) { return Matrix<T>{t.data<T>(), t.size(1), t.size(2)}; };
    with_chunks<T>(v.size(2), [&]<int width>(std::integral_constant<int, width>, unsigned chunks) {
      DUEL_LAUNCH((attend<T, width>), dim3(static_cast<unsigned>(batch * tiles), chunks), kThreads, 0, matrix(q),
                  matrix(k), matrix(v), static_cast<C>(scale), tiles, y.mutable_data<T>(), lse.mutable_data<C>());
    });
  });
}

}  // namespace duel::cuda
