// What follows a convolution, bias and leaky ReLU, and the gradient of that: the rectifier's mask and, of what it lets
// through, the sums per channel, in one pass.
#include "duel/cuda/epilogue.h"

#include "duel/cuda/column_reduce.cuh"
#include "duel/cuda/kernels.h"

namespace duel::cuda {
namespace {

enum class Slope : std::uint8_t { one, zero, other };

Slope slope_of(Rectifier r) { return r.slope == 1 ? Slope::one : r.slope == 0 ? Slope::zero : Slope::other; }

/// Leaky ReLU of a value, or of its gradient, where `y` decides.
template <class C>
struct Rectify {
  Slope kind;
  C slope;

  explicit Rectify(Rectifier r) : kind(slope_of(r)), slope(static_cast<C>(r.slope)) {}
  __device__ C forward(C y) const {
    return kind == Slope::zero ? (y < 0 ? C(0) : y) : y > 0 ? y : slope * y;  // NaN stays NaN
  }
  __device__ C backward(C y, C dy) const { return y > 0 ? dy : kind == Slope::zero ? C(0) : slope * dy; }
};

template <class C>
struct Sum {
  using Scalar = C;
  C value = 0;
};
template <class C>
__device__ Sum<C> merge(const Sum<C>& a, const Sum<C>& b) {
  return {a.value + b.value};
}

/// Writes dx, whose columns it sums: a reduction.
template <class T>
struct EpilogueReduction {
  using C = compute_t<T>;
  using Value = Sum<C>;
  static constexpr int kBatch = 4;
  const T *y, *dy;
  T* dx;
  Rectify<C> rectify;

  template <int V>
  struct Thread {
    const EpilogueReduction& r;
    C sum[V] = {};

    __device__ Thread(const EpilogueReduction& reduction, std::int64_t, std::int64_t) : r(reduction) {}
    template <int rows>
    __device__ void add(std::int64_t offset, std::int64_t step) {
      Pack<T, V> ys[rows], dys[rows];
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) {
        ys[k] = load<V>(r.y + offset + k * step);
        dys[k] = load<V>(r.dy + offset + k * step);
      }
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) {
        DUEL_UNROLL
        for (int j = 0; j < V; ++j) {
          const C g = r.rectify.backward(ys[k].v[j], dys[k].v[j]);
          sum[j] += g;
          dys[k].v[j] = T(g);
        }
        store(r.dx + offset + k * step, dys[k]);
      }
    }
    __device__ Value value(int j) const { return {sum[j]}; }
  };
};

template <class C>
struct StoreSum {
  C* sums;
  __device__ void operator()(std::int64_t, std::int64_t c, const Sum<C>& s) const { sums[c] = s.value; }
};

template <class T, class B, int V>
__global__ void __launch_bounds__(kThreads)
    rectify_rows(T* y, const B* bias, Rectify<compute_t<T>> rectify, ChannelRows g, Tiling t) {
  using C = compute_t<T>;
  constexpr int kBatch = 4;
  const Place at = place(g, t, V);
  if (!at.active) return;
  C offset[V];
  DUEL_UNROLL
  for (int j = 0; j < V; ++j) offset[j] = bias ? C(bias[(at.column + j) % g.channels]) : C(0);
  for (std::int64_t first = at.row; first < at.end; first += kBatch * at.step) {
    Pack<T, V> values[kBatch];
    DUEL_UNROLL
    for (int k = 0; k < kBatch; ++k)
      if (const std::int64_t row = first + k * at.step; row < at.end)
        values[k] = load<V>(y + row * g.columns + at.column);
    DUEL_UNROLL
    for (int k = 0; k < kBatch; ++k) {
      const std::int64_t row = first + k * at.step;
      if (row >= at.end) continue;
      DUEL_UNROLL
      for (int j = 0; j < V; ++j) values[k].v[j] = T(rectify.forward(C(values[k].v[j]) + offset[j]));
      store(y + row * g.columns + at.column, values[k]);
    }
  }
}

template <class T, class B>
void rectify_all(const Tensor& y, const B* bias, Rectifier r) {
  T* py = y.mutable_data<T>();
  const ChannelRows g = channel_rows<T>(1, y.size(0) * pixels_of(y), y.size(1), {py});
  const Tiling t = tiling(g, 4);
  with_pack<T>(g.pack, [&]<int V>(std::integral_constant<int, V>) {
    DUEL_LAUNCH((rectify_rows<T, B, V>), t.grid(g), t.threads(), 0, py, bias, Rectify<compute_t<T>>(r), g, t);
  });
}

}  // namespace

void apply_epilogue(const Tensor& y, const Epilogue& e) {
  if (y.numel() == 0 || (!e.bias.defined() && e.rectifier == Rectifier{})) return;
  dispatch_computed("apply_epilogue", y.dtype(), [&]<class T>(TypeTag<T>) {
    using C = compute_t<T>;
    if (!e.bias.defined())
      rectify_all<T, T>(y, nullptr, e.rectifier);
    else if (e.bias.dtype() == dtype_of<T>())
      rectify_all<T, T>(y, e.bias.data<T>(), e.rectifier);
    else
      rectify_all<T, C>(y, e.bias.data<C>(), e.rectifier);
  });
}

void epilogue_grad(const Tensor& y, const Tensor& dy, Rectifier r, const Tensor& dx, const Tensor& dbias) {
  if (!dbias.defined()) {
    const BinaryOp op = r.slope == 0 ? BinaryOp::relu_grad : BinaryOp::leaky_relu_grad;
    return binary(op, dy, y, dx, {r.slope});
  }
  if (y.numel() == 0) return fill(dbias, 0);
  dispatch_computed("epilogue_grad", y.dtype(), [&]<class T>(TypeTag<T>) {
    using C = compute_t<T>;
    const T *py = y.data<T>(), *pdy = dy.data<T>();
    T* pdx = dx.mutable_data<T>();
    reduce_channels<T>(channel_rows<T>(1, y.size(0) * pixels_of(y), y.size(1), {py, pdy, pdx}),
                       EpilogueReduction<T>{py, pdy, pdx, Rectify<C>(r)}, StoreSum<C>{dbias.mutable_data<C>()});
  });
}

}  // namespace duel::cuda
