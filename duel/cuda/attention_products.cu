#include "duel/cuda/attention_products.h"

#include <algorithm>
#include <cmath>

#include "duel/cuda/attention_tiles.cuh"
#include "duel/cuda/kernels.h"
#include "duel/cuda/strided.cuh"
#include "duel/tensor/math.h"

namespace duel::cuda {
namespace {

/// f(first of V elements) over a row of n elements, n a multiple of V, by the threads of a warp.
template <int V, class F>
__device__ void along_row(std::int64_t n, const F& f) {
  for (std::int64_t i = threadIdx.x % kWarp * V; i < n; i += kWarp * V) f(i);
}

/// Rows of scores become their softmax, of `scale` times them, in place; a warp for each.
template <class T, int V>
__global__ void __launch_bounds__(kThreads)
    softmax_rows(std::int64_t rows, std::int64_t columns, compute_t<T> scale, T* scores, compute_t<T>* lse) {
  using C = compute_t<T>;
  using P = Pack<T, V>;
  const std::int64_t row = thread_index() / kWarp, n = row < rows ? columns : 0;
  T* const s = scores + (row < rows ? row : 0) * columns;
  C top = static_cast<C>(-HUGE_VAL);
  along_row<V>(n, [&](std::int64_t i) {
    const P pack = *reinterpret_cast<const P*>(s + i);
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) top = C(pack.v[j]) * scale > top ? C(pack.v[j]) * scale : top;
  });
  top = tiles::max_across<kWarp>(top);
  const C shift = top == static_cast<C>(-HUGE_VAL) ? C(0) : top;
  C sum = 0;
  along_row<V>(n, [&](std::int64_t i) {
    const P pack = *reinterpret_cast<const P*>(s + i);
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) sum += math::exp(C(pack.v[j]) * scale - shift);
  });
  sum = warp_sum(sum);
  const C share = 1 / sum;
  along_row<V>(n, [&](std::int64_t i) {
    P pack = *reinterpret_cast<const P*>(s + i);
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) pack.v[j] = T(math::exp(C(pack.v[j]) * scale - shift) * share);
    *reinterpret_cast<P*>(s + i) = pack;
  });
  if (row < rows && threadIdx.x % kWarp == 0) lse[row] = top + math::log(sum);
}

/// Rows of scores become p = softmax(scale * scores), and those of dp = dy v' become scale * ds = scale * p (dp -
/// delta) with delta = <y, dy>; a warp for each.
template <class T, int V>
__global__ void __launch_bounds__(kThreads)
    softmax_grad_rows(std::int64_t rows, std::int64_t columns, std::int64_t width, compute_t<T> scale, const T* y,
                      const T* dy, const compute_t<T>* lse, T* scores, T* dp) {
  using C = compute_t<T>;
  using P = Pack<T, V>;
  const std::int64_t row = thread_index() / kWarp, here = row < rows ? row : 0;
  C delta = 0;
  along_row<1>(row < rows ? width : 0,
               [&](std::int64_t i) { delta += C(y[here * width + i]) * C(dy[here * width + i]); });
  delta = warp_sum(delta);
  if (row >= rows) return;
  T *const s = scores + row * columns, *const d = dp + row * columns;
  const C log_sum = lse[row];
  along_row<V>(columns, [&](std::int64_t i) {
    P weights = *reinterpret_cast<const P*>(s + i), slopes = *reinterpret_cast<const P*>(d + i);
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) {
      const C p = math::exp(C(weights.v[j]) * scale - log_sum);
      weights.v[j] = T(p);
      slopes.v[j] = T(p * scale * (C(slopes.v[j]) - delta));
    }
    *reinterpret_cast<P*>(s + i) = weights;
    *reinterpret_cast<P*>(d + i) = slopes;
  });
}

/// f(type, elements at a time) for rows of scores one after the other.
template <class F>
void with_packs(const char* operation, const Tensor& scores, F&& f) {
  const auto go = [&]<class T>(TypeTag<T> type) {
    if (scores.size(2) % kPack<T> == 0)
      f(type, std::integral_constant<int, kPack<T>>{});
    else
      f(type, std::integral_constant<int, 1>{});
  };
  if (scores.dtype() == DType::bfloat16) return go(TypeTag<bfloat16>{});
  check(scores.dtype() == DType::float32, operation, "needs float32 or bfloat16, got ", scores.dtype());
  go(TypeTag<float>{});
}

unsigned blocks_for_rows(std::int64_t rows) { return static_cast<unsigned>(ceil_div(rows * kWarp, kThreads)); }

/// f(first, end) of a batch, `samples` at a time.
template <class F>
void for_each_chunk(std::int64_t batch, std::int64_t samples, const F& f) {
  for (std::int64_t first = 0; first < batch; first += samples) f(first, std::min(batch, first + samples));
}

/// Room for the scores of so many samples; of fewer it gives the first part.
class Scores {
 public:
  Scores(const Tensor& q, const Tensor& k, std::int64_t samples)
      : all_(Tensor::empty({std::min(samples, q.size(0)), q.size(1), k.size(1)}, q.options())) {}
  Tensor of(std::int64_t samples) const { return all_.slice(0, 0, samples); }

 private:
  Tensor all_;
};

}  // namespace

// Scores are written and read some times between the products: those of a chunk should find room in the cache of an
// H100 or H200, 50 MB, which other things need too.
std::int64_t samples_by_products(const Tensor& q, const Tensor& k) {
  constexpr std::int64_t kFewestScores = 1 << 20, kBytes = 32 << 20, kMostBytes = 1 << 30;
  const std::int64_t scores = q.size(1) * k.size(1), bytes = scores * static_cast<std::int64_t>(size_of(q.dtype()));
  if (q.dtype() == DType::float64 || scores < kFewestScores || bytes > kMostBytes) return 0;
  return std::max<std::int64_t>(1, kBytes / bytes);
}

void attention_by_products(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y,
                           const Tensor& lse, std::int64_t samples) {
  const Scores room(q, k, samples);
  for_each_chunk(q.size(0), samples, [&](std::int64_t first, std::int64_t end) {
    const auto part = [&](const Tensor& t) { return t.slice(0, first, end); };
    const Tensor scores = room.of(end - first);
    matmul(part(q), part(k).transpose(1, 2), scores, {});
    with_packs("attention", scores, [&]<class T, int V>(TypeTag<T>, std::integral_constant<int, V>) {
      using C = compute_t<T>;
      const std::int64_t rows = scores.size(0) * scores.size(1);
      DUEL_LAUNCH((softmax_rows<T, V>), blocks_for_rows(rows), kThreads, 0, rows, scores.size(2), static_cast<C>(scale),
                  scores.mutable_data<T>(), part(lse).template mutable_data<C>());
    });
    matmul(scores, part(v), part(y), {});
  });
}

void attention_grad_by_products(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y,
                                const Tensor& lse, const Tensor& dy, const Tensor& dq, const Tensor& dk,
                                const Tensor& dv, std::int64_t samples) {
  const Scores score_room(q, k, samples), dp_room(q, k, samples);
  for_each_chunk(q.size(0), samples, [&](std::int64_t first, std::int64_t end) {
    const auto part = [&](const Tensor& t) { return t.slice(0, first, end); };
    const Tensor scores = score_room.of(end - first), dp = dp_room.of(end - first);
    matmul(part(q), part(k).transpose(1, 2), scores, {});
    matmul(part(dy), part(v).transpose(1, 2), dp, {});
    with_packs("attention_grad", scores, [&]<class T, int V>(TypeTag<T>, std::integral_constant<int, V>) {
      using C = compute_t<T>;
      const std::int64_t rows = scores.size(0) * scores.size(1);
      DUEL_LAUNCH((softmax_grad_rows<T, V>), blocks_for_rows(rows), kThreads, 0, rows, scores.size(2), v.size(2),
                  static_cast<C>(scale), part(y).template data<T>(), part(dy).template data<T>(),
                  part(lse).template data<C>(), scores.mutable_data<T>(), dp.mutable_data<T>());
    });
    matmul(scores.transpose(1, 2), part(dy), part(dv), {});
    matmul(dp, part(k), part(dq), {});
    matmul(dp.transpose(1, 2), part(q), part(dk), {});
  });
}

}  // namespace duel::cuda
