// Softmax and its logarithm over the rows of [R, D]: a warp for each short row, a block for each long one, which read
// it once more for each of the sums, from the cache.
#include <cmath>

#include "duel/cuda/kernels.h"
#include "duel/cuda/launch.h"
#include "duel/tensor/math.h"

namespace duel::cuda {
namespace {

constexpr std::int64_t kShort = 1024;

/// The threads that share a row: team is a warp or the block.
template <int team>
struct Row {
  std::int64_t index;
  int lane;

  __device__ Row() : index(thread_index() / team), lane(static_cast<int>(threadIdx.x) % team) {}

  /// merge(f(i)) over the elements of this row, the same in all threads of the team. All of a block must call it.
  template <class C, class F, class Merge>
  __device__ C reduce(std::int64_t n, C start, C* scratch, const F& f, const Merge& merge) const {
    C v = start;
    for (std::int64_t i = lane; i < n; i += team) v = merge(v, f(i));
    for (int step = kWarp / 2; step > 0; step /= 2) v = merge(v, __shfl_xor_sync(0xffffffffu, v, step));
    if constexpr (team > kWarp) {
      __syncthreads();  // whoever still reads an earlier result
      if (lane % kWarp == 0) scratch[lane / kWarp] = v;
      __syncthreads();
      v = scratch[0];
      for (int w = 1; w < team / kWarp; ++w) v = merge(v, scratch[w]);
    }
    return v;
  }
  template <class C, class F>
  __device__ C sum(std::int64_t n, C* scratch, const F& f) const {
    return reduce(n, C(0), scratch, f, [](C a, C b) { return a + b; });
  }
  template <class C, class F>
  __device__ C largest(std::int64_t n, C* scratch, const F& f) const {
    return reduce(n, static_cast<C>(-HUGE_VAL), scratch, f, [](C a, C b) { return b > a ? b : a; });
  }
};

/// f(row, row size, scratch, offset of the row) for the row of each team; of those beyond the last, of size 0.
template <int team, class C, class F>
__device__ void with_row(std::int64_t rows, std::int64_t n, const F& f) {
  __shared__ C scratch[kThreads / kWarp];
  const Row<team> row;
  const bool active = row.index < rows;
  f(row, active ? n : 0, scratch, active ? row.index * n : 0);
}

struct Softmax {
  template <int team, class T>
  static __device__ void apply(std::int64_t rows, std::int64_t columns, const T* inputs, const T*, T* outputs) {
    using C = compute_t<T>;
    with_row<team, C>(rows, columns, [&](const auto& row, std::int64_t n, C* scratch, std::int64_t first) {
      const T* x = inputs + first;
      T* y = outputs + first;
      const C shift = row.largest(n, scratch, [&](std::int64_t i) { return C(x[i]); });
      const C sum = row.sum(n, scratch, [&](std::int64_t i) { return math::exp(C(x[i]) - shift); });
      const C share = 1 / sum;
      for (std::int64_t i = row.lane; i < n; i += team) y[i] = T(math::exp(C(x[i]) - shift) * share);
    });
  }
};

struct LogSoftmax {
  template <int team, class T>
  static __device__ void apply(std::int64_t rows, std::int64_t columns, const T* inputs, const T*, T* outputs) {
    using C = compute_t<T>;
    with_row<team, C>(rows, columns, [&](const auto& row, std::int64_t n, C* scratch, std::int64_t first) {
      const T* x = inputs + first;
      T* y = outputs + first;
      const C shift = row.largest(n, scratch, [&](std::int64_t i) { return C(x[i]); });
      const C sum = row.sum(n, scratch, [&](std::int64_t i) { return math::exp(C(x[i]) - shift); });
      const C log_sum = math::log(sum);
      for (std::int64_t i = row.lane; i < n; i += team) y[i] = T((C(x[i]) - shift) - log_sum);
    });
  }
};

/// dx = y (dy - <dy, y>)
struct SoftmaxGrad {
  template <int team, class T>
  static __device__ void apply(std::int64_t rows, std::int64_t columns, const T* ys, const T* dys, T* dxs) {
    using C = compute_t<T>;
    with_row<team, C>(rows, columns, [&](const auto& row, std::int64_t n, C* scratch, std::int64_t first) {
      const T *y = ys + first, *dy = dys + first;
      T* dx = dxs + first;
      const C mean = row.sum(n, scratch, [&](std::int64_t i) { return C(y[i]) * C(dy[i]); });
      for (std::int64_t i = row.lane; i < n; i += team) dx[i] = T(C(y[i]) * (C(dy[i]) - mean));
    });
  }
};

/// dx = dy - exp(y) <dy, 1>
struct LogSoftmaxGrad {
  template <int team, class T>
  static __device__ void apply(std::int64_t rows, std::int64_t columns, const T* ys, const T* dys, T* dxs) {
    using C = compute_t<T>;
    with_row<team, C>(rows, columns, [&](const auto& row, std::int64_t n, C* scratch, std::int64_t first) {
      const T *y = ys + first, *dy = dys + first;
      T* dx = dxs + first;
      const C total = row.sum(n, scratch, [&](std::int64_t i) { return C(dy[i]); });
      for (std::int64_t i = row.lane; i < n; i += team) dx[i] = T(C(dy[i]) - math::exp(C(y[i])) * total);
    });
  }
};

template <class Formula, int team, class T>
__global__ void __launch_bounds__(kThreads)
    rows_kernel(std::int64_t rows, std::int64_t columns, const T* a, const T* b, T* out) {
  Formula::template apply<team>(rows, columns, a, b, out);
}

/// a, b (may be undefined), out [R, D]
template <class Formula>
void for_rows(const char* name, const Tensor& a, const Tensor& b, const Tensor& out) {
  if (a.numel() == 0) return;
  const std::int64_t rows = a.size(0), columns = a.size(1);
  dispatch_computed(name, a.dtype(), [&]<class T>(TypeTag<T>) {
    const T *pa = a.data<T>(), *pb = b.defined() ? b.data<T>() : nullptr;
    T* p = out.mutable_data<T>();
    if (columns <= kShort)
      DUEL_LAUNCH((rows_kernel<Formula, kWarp, T>), static_cast<unsigned>(ceil_div(rows * kWarp, kThreads)), kThreads,
                  0, rows, columns, pa, pb, p);
    else
      DUEL_LAUNCH((rows_kernel<Formula, kThreads, T>), static_cast<unsigned>(rows), kThreads, 0, rows, columns, pa, pb,
                  p);
  });
}

}  // namespace

void softmax(const Tensor& x, const Tensor& y) { for_rows<Softmax>("softmax", x, {}, y); }

void log_softmax(const Tensor& x, const Tensor& y) { for_rows<LogSoftmax>("log_softmax", x, {}, y); }

void softmax_grad(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  for_rows<SoftmaxGrad>("softmax_grad", y, dy, dx);
}

void log_softmax_grad(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  for_rows<LogSoftmaxGrad>("log_softmax_grad", y, dy, dx);
}

}  // namespace duel::cuda
