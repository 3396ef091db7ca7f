// The gradient of attention by tiles. With p = softmax(scale q k') and delta = <y, dy> per query: dv = p' dy,
// dp = dy v', ds = p (dp - delta), dq = scale ds k, dk = scale ds' q. Each of the three is a walk of its own over tiles
// of scores, which are computed again: blocks share no result, so that nothing is added in an order that varies.
#include "duel/cuda/attention_products.h"
#include "duel/cuda/attention_tiles.cuh"
#include "duel/cuda/kernels.h"
#include "duel/tensor/math.h"

namespace duel::cuda {
namespace {

using namespace tiles;

/// out[i] = <a[i], b[i]>, a warp for each row.
template <class T>
__global__ void __launch_bounds__(kThreads)
    inner_products(const T* a, const T* b, std::int64_t rows, std::int64_t n, compute_t<T>* out) {
  using C = compute_t<T>;
  const std::int64_t row = thread_index() / kWarp;
  C sum = 0;
  if (row < rows)
    for (std::int64_t i = threadIdx.x % kWarp; i < n; i += kWarp) sum += C(a[row * n + i]) * C(b[row * n + i]);
  sum = warp_sum(sum);
  if (row < rows && threadIdx.x % kWarp == 0) out[row] = sum;
}

enum class Of : std::uint8_t { queries, keys, values };

/// A walk: rows and columns of the tiles are queries and keys, or keys and queries.
template <class T>
struct TileWalk {
  Matrix<T> rows, columns;              // whose products are scores ...
  Matrix<T> row_values, column_values;  // ... and of these the incoming gradients of p: dy and v, or v and dy
  Matrix<T> factor;                     // what the weights are multiplied by, a row for each column
  const compute_t<T>*lse, *delta;       // of each query
  compute_t<T> scale;
  T* out;
  std::int64_t row_tiles;
};

/// `scores` becomes p, or scale * ds. The statistics of query i or j of the tile are at lse[i] or lse[j].
template <Of of, class C, int n>
__device__ void weigh(C (&scores)[kPer][n], const C (&dp)[kPer][n], C scale, const C* lse, const C* delta,
                      std::int64_t rows, std::int64_t columns) {
  DUEL_UNROLL
  for (int i = 0; i < kPer; ++i) {
    const int r = kPer * thread_y() + i;
    DUEL_UNROLL
    for (int j = 0; j < n; ++j) {
      const int c = column(j), query = of == Of::queries ? r : c;
      if (r < rows && c < columns) {
        const C p = math::exp(scores[i][j] * scale - lse[query]);
        scores[i][j] = of == Of::values ? p : p * scale * (dp[i][j] - delta[query]);
      } else {
        scores[i][j] = 0;
      }
    }
  }
}

/// A block makes `width` columns of some rows of the result.
template <class T, Of of, int width>
__global__ void __launch_bounds__(kThreads, sizeof(compute_t<T>) == 8 ? 1 : 2) attend_grad(TileWalk<T> w) {
  using C = compute_t<T>;
  __shared__ Memory<C, width> memory;
  const std::int64_t b = blockIdx.x / w.row_tiles, row = blockIdx.x % w.row_tiles * kRows,
                     first = std::int64_t{blockIdx.y} * width,
                     queries = of == Of::queries ? w.rows.rows : w.columns.rows;
  w.rows = w.rows.at(b), w.columns = w.columns.at(b), w.factor = w.factor.at(b);
  w.row_values = w.row_values.at(b), w.column_values = w.column_values.at(b);
  const C *lse = w.lse + b * queries, *delta = w.delta + b * queries;
  C out[kPer][width / kSide] = {};
  for (std::int64_t other = 0; other < w.columns.rows; other += kColumns<C>) {
    C scores[kPer][kColumns<C> / kSide] = {}, dp[kPer][kColumns<C> / kSide] = {};
    multiply_rows(scores, w.rows, row, w.columns, other, memory);
    if constexpr (of != Of::values) multiply_rows(dp, w.row_values, row, w.column_values, other, memory);
    const std::int64_t query = of == Of::queries ? row : other;
    weigh<of>(scores, dp, w.scale, lse + query, delta + query, w.rows.rows - row, w.columns.rows - other);
    share_weights(scores, memory);
    add_weighed(out, w.factor, other, first, memory);
  }
  store_tile(out, w.out + b * w.rows.rows * w.factor.width, w.rows.rows, w.factor.width, row, first);
}

template <Of of, class T>
void launch_walk(std::int64_t batch, TileWalk<T> w) {
  w.row_tiles = ceil_div(w.rows.rows, kRows);
  with_chunks<T>(w.factor.width, [&]<int width>(std::integral_constant<int, width>, unsigned chunks) {
    DUEL_LAUNCH((attend_grad<T, of, width>), dim3(static_cast<unsigned>(batch * w.row_tiles), chunks), kThreads, 0, w);
  });
}

}  // namespace

void attention_grad(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y, const Tensor& lse,
                    const Tensor& dy, const Tensor& dq, const Tensor& dk, const Tensor& dv) {
  if (lse.numel() == 0) {  // no queries
    fill(dk, 0);
    fill(dv, 0);
    return;
  }
  if (const std::int64_t samples = samples_by_products(q, k))
    return attention_grad_by_products(q, k, v, scale, y, lse, dy, dq, dk, dv, samples);
  const std::int64_t batch = q.size(0), rows = lse.numel();
  const Tensor delta = Tensor::empty_like(lse);
  dispatch_computed("attention_grad", q.dtype(), [&]<class T>(TypeTag<T>) {
    using C = compute_t<T>;
    const auto matrix = [](const Tensor& t) { return Matrix<T>{t.data<T>(), t.size(1), t.size(2)}; };
    const Matrix<T> qs = matrix(q), ks = matrix(k), vs = matrix(v), dys = matrix(dy);
    const C *plse = lse.data<C>(), *pdelta = delta.data<C>(), s = static_cast<C>(scale);
    DUEL_LAUNCH((inner_products<T>), static_cast<unsigned>(ceil_div(rows * kWarp, kThreads)), kThreads, 0, y.data<T>(),
                dys.data, rows, v.size(2), delta.mutable_data<C>());
    launch_walk<Of::queries>(batch, TileWalk<T>{qs, ks, dys, vs, ks, plse, pdelta, s, dq.mutable_data<T>(), 0});
    launch_walk<Of::keys>(batch, TileWalk<T>{ks, qs, vs, dys, qs, plse, pdelta, s, dk.mutable_data<T>(), 0});
    launch_walk<Of::values>(batch, TileWalk<T>{ks, qs, vs, dys, dys, plse, pdelta, s, dv.mutable_data<T>(), 0});
  });
}

}  // namespace duel::cuda
