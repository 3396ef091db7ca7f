// The two walks of a normalisation over all elements, and between those of the backward pass the sums that they need.
#include "duel/cuda/norm_common.h"

#include <cmath>

#include "duel/cuda/column_reduce.cuh"
#include "duel/cuda/kernels.h"

namespace duel::cuda {
namespace {

/// Two sums.
template <class C>
struct Sums {
  using Scalar = C;
  C first = 0, second = 0;
};

/// Statistics [N, G], gain or bias [N, C], of any strides, or a constant.
template <class C>
struct PerSample {
  PerSample(const Tensor& t, C constant) : value(constant) {
    if (!t.defined()) return;
    data = t.data<C>();
    sample_step = t.size(0) > 1 ? t.strides()[0] : 0;
    step = t.strides()[1];
  }
  DUEL_HD C operator()(std::int64_t n, std::int64_t i) const { return data ? data[n * sample_step + i * step] : value; }
  bool same_for_all_samples() const { return sample_step == 0; }

  C value;
  const C* data = nullptr;
  std::int64_t sample_step = 0, step = 0;
};

/// A normalisation, rectified: (x - mean) * rstd * gain + bias.
template <class C>
struct Affine {
  /// mean and rstd [N, G]
  Affine(std::int64_t channel_count, const Tensor& means, const Tensor& rstds, const Tensor& gains,
         const Tensor& biases, Rectifier r)
      : mean(means, 0),
        rstd(rstds, 1),
        gain(gains, 1),
        bias(biases, 0),
        channels(channel_count),
        width(channel_count / means.size(1)),
        slope(static_cast<C>(r.slope)) {}
  DUEL_HD std::uint32_t channel(std::int64_t column) const {
    const auto c = static_cast<std::uint32_t>(column);
    return c - channels.quotient(c) * channels.value;
  }
  bool same_for_all_samples() const {
    return mean.same_for_all_samples() && rstd.same_for_all_samples() && gain.same_for_all_samples() &&
           bias.same_for_all_samples();
  }

  PerSample<C> mean, rstd, gain, bias;
  Divisor channels, width;  // width: the channels of a group
  C slope;
};

template <class C>
__device__ Sums<C> merge(const Sums<C>& a, const Sums<C>& b) {
  return {a.first + b.first, a.second + b.second};
}
template <class C>
__device__ Sums<C> shuffle_down(const Sums<C>& s, int lanes) {
  return {__shfl_down_sync(0xffffffffu, s.first, lanes), __shfl_down_sync(0xffffffffu, s.second, lanes)};
}

/// The normalisation of V columns of one sample, in registers.
template <class C, int V>
struct Coefficients {
  C mean[V], scale[V], bias[V];

  __device__ void read(const Affine<C>& f, std::int64_t n, std::int64_t column) {
    std::uint32_t c = f.channel(column);
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) {
      const std::uint32_t group = f.width.quotient(c);
      mean[j] = f.mean(n, group);
      scale[j] = f.rstd(n, group) * f.gain(n, c);
      bias[j] = f.bias(n, c);
      if (++c == f.channels.value) c = 0;
    }
  }
  /// Always the same roundings, so that forward and backward see z on the same side of 0.
  __device__ C z(int j, C centred) const { return std::fma(centred, scale[j], bias[j]); }
  __device__ C incoming(int j, C centred, C dy, C slope) const { return z(j, centred) > 0 ? dy : slope * dy; }
};

/// dgain and dbias before the former is multiplied by rstd: a reduction.
template <class T>
struct GradReduction {
  using C = compute_t<T>;
  using Value = Sums<C>;
  static constexpr int kBatch = 2;
  const T *x, *dy;
  Affine<C> f;

  template <int V>
  struct Thread {
    const T *x, *dy;
    C slope, sum[V] = {}, product[V] = {};
    Coefficients<C, V> c;

    __device__ Thread(const GradReduction& r, std::int64_t n, std::int64_t column)
        : x(r.x), dy(r.dy), slope(r.f.slope) {
      c.read(r.f, n, column);
    }
    template <int rows>
    __device__ void add(std::int64_t offset, std::int64_t step) {
      Pack<T, V> xs[rows], dys[rows];
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) {
        xs[k] = load<V>(x + offset + k * step);
        dys[k] = load<V>(dy + offset + k * step);
      }
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) {
        DUEL_UNROLL
        for (int j = 0; j < V; ++j) {
          const C centred = C(xs[k].v[j]) - c.mean[j], g = c.incoming(j, centred, dys[k].v[j], slope);
          sum[j] += g;
          product[j] += g * centred;
        }
      }
    }
    __device__ Value value(int j) const { return {sum[j], product[j]}; }
  };
};

/// dgain, dbias [N, C], row-major, and the same times the gain for the gradient of x.
template <class C>
struct StoreGrads {
  C *dgain, *dbias;
  Sums<C>* weighed;
  Affine<C> f;

  __device__ void operator()(std::int64_t n, std::int64_t c, const Sums<C>& s) const {
    const C product = s.second * f.rstd(n, f.width.quotient(static_cast<std::uint32_t>(c))), gain = f.gain(n, c);
    const std::int64_t i = n * f.channels.value + c;
    dbias[i] = s.first;
    dgain[i] = product;
    weighed[i] = {s.first * gain, product * gain};
  }
};

/// y = the normalisation of x, rectified.
template <class T>
struct Forward {
  using C = compute_t<T>;
  static constexpr int kBatch = 4;
  const T* x;
  T* y;
  Affine<C> f;

  template <int V>
  struct Thread {
    const Forward& w;
    Coefficients<C, V> c;

    __device__ explicit Thread(const Forward& walk) : w(walk) {}
    __device__ void read(std::int64_t n, std::int64_t column) { c.read(w.f, n, column); }
    template <int rows>
    __device__ void apply(std::int64_t offset, std::int64_t step) const {
      Pack<T, V> values[rows];
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) values[k] = load<V>(w.x + offset + k * step);
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) {
        DUEL_UNROLL
        for (int j = 0; j < V; ++j) {
          const C z = c.z(j, C(values[k].v[j]) - c.mean[j]);
          values[k].v[j] = T(z > 0 ? z : w.f.slope * z);
        }
        store(w.y + offset + k * step, values[k]);
      }
    }
  };
};

/// dx = rstd * (G - mean(G) - xhat * mean(G * xhat)) with G = g * gain and means over what shares statistics (Ioffe and
/// Szegedy 2015, section 3; Wu and He 2018); dx may be dy.
template <class T>
struct Backward {
  using C = compute_t<T>;
  static constexpr int kBatch = 2;
  const T *x, *dy;
  T* dx;
  Affine<C> f;
  const Sums<C>* sums;       // [N, G], of G and of G * xhat ...
  std::int64_t sample_step;  // 0: over all samples
  C elements;                // ... over so many

  template <int V>
  struct Thread {
    const Backward& w;
    Coefficients<C, V> c;
    C linear[V], constant[V];

    __device__ explicit Thread(const Backward& walk) : w(walk) {}
    __device__ void read(std::int64_t n, std::int64_t column) {
      c.read(w.f, n, column);
      std::uint32_t i = w.f.channel(column);
      DUEL_UNROLL
      for (int j = 0; j < V; ++j) {
        const std::uint32_t group = w.f.width.quotient(i);
        const C rstd = w.f.rstd(n, group);
        const Sums<C> s = w.sums[n * w.sample_step + group];
        linear[j] = -(rstd * (rstd * s.second / w.elements));
        constant[j] = -(rstd * s.first / w.elements);
        if (++i == w.f.channels.value) i = 0;
      }
    }
    template <int rows>
    __device__ void apply(std::int64_t offset, std::int64_t step) const {
      Pack<T, V> xs[rows], dys[rows];
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) {
        xs[k] = load<V>(w.x + offset + k * step);
        dys[k] = load<V>(w.dy + offset + k * step);
      }
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) {
        DUEL_UNROLL
        for (int j = 0; j < V; ++j) {
          const C centred = C(xs[k].v[j]) - c.mean[j], in = c.incoming(j, centred, dys[k].v[j], w.f.slope);
          dys[k].v[j] = T(in * c.scale[j] + (centred * linear[j] + constant[j]));
        }
        store(w.dx + offset + k * step, dys[k]);
      }
    }
  };
};

/// Of g, all samples are one; `run` rows share a sample.
template <int V, class Walk>
__global__ void __launch_bounds__(kThreads) walk_rows(Walk walk, ChannelRows g, Tiling t, std::int64_t run) {
  const Place at = place(g, t, V);
  if (!at.active) return;
  typename Walk::template Thread<V> thread(walk);
  const std::int64_t step = at.step * g.columns;
  for (std::int64_t row = at.row; row < at.end;) {
    const std::int64_t n = row / run, end = min(at.end, (n + 1) * run);
    thread.read(n, at.column);
    std::int64_t offset = row * g.columns + at.column;
    for (; row + (Walk::kBatch - 1) * at.step < end; row += Walk::kBatch * at.step, offset += Walk::kBatch * step)
      thread.template apply<Walk::kBatch>(offset, step);
    for (; row < end; row += at.step, offset += step) thread.template apply<1>(offset, step);
  }
}

template <class T, class Walk>
void walk_all(const ChannelRows& g, const Walk& walk) {
  const ChannelRows all = g.together();
  const Tiling t = tiling(all, 4);
  with_pack<T>(g.pack, [&]<int V>(std::integral_constant<int, V>) {
    DUEL_LAUNCH((walk_rows<V, Walk>), t.grid(all), t.threads(), 0, walk, all, t, g.rows);
  });
}

/// The rows of x: of each sample, or where all are alike of one.
template <class T>
ChannelRows rows_of(const Tensor& x, bool alike, std::initializer_list<const T*> data) {
  const std::int64_t samples = x.size(0), pixels = pixels_of(x);
  return alike ? channel_rows<T>(1, samples * pixels, x.size(1), data)
               : channel_rows<T>(samples, pixels, x.size(1), data);
}

}  // namespace

void normalize(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
               Rectifier r, const Tensor& y) {
  if (x.numel() == 0) return;
  dispatch_computed("normalize", x.dtype(), [&]<class T>(TypeTag<T>) {
    const Affine<compute_t<T>> f(x.size(1), mean, rstd, gain, bias, r);
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    walk_all<T>(rows_of<T>(x, f.same_for_all_samples(), {px, py}), Forward<T>{px, py, f});
  });
}

// With the gain, dgain and dbias are the sums that dx needs, of one channel and sample: what is left is to add those of
// a group, or of all samples.
void normalize_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                    const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias) {
  if (x.numel() == 0) {
    fill(dgain, 0);
    fill(dbias, 0);
    return;
  }
  const std::int64_t channels = x.size(1), groups = mean.size(1), rows = dgain.size(0), width = channels / groups;
  dispatch_computed("normalize_grad", x.dtype(), [&]<class T>(TypeTag<T>) {
    using C = compute_t<T>;
    const Affine<C> f(channels, mean, rstd, gain, bias, r);
    const T *px = x.data<T>(), *pdy = dy.data<T>();
    T* pdx = dx.mutable_data<T>();
    const Scratch<Sums<C>> weighed(rows * channels);
    reduce_channels<T>(rows_of<T>(x, rows == 1, {px, pdy}), GradReduction<T>{px, pdy, f},
                       StoreGrads<C>{dgain.mutable_data<C>(), dbias.mutable_data<C>(), weighed.data(), f});
    const bool one_batch = f.mean.same_for_all_samples(), done = width == 1 && (rows == 1 || !one_batch);
    const Scratch<Sums<C>> merged(done ? 0 : one_batch ? channels : rows * groups);
    if (!done && width > 1)
      merge_all_groups(weighed.data(), rows, groups, width, StoreValues<Sums<C>>{merged.data(), groups});
    else if (!done)
      merge_all_parts(weighed.data(), 1, rows, channels, StoreValues<Sums<C>>{merged.data(), channels});
    const std::int64_t elements = pixels_of(x) * width * (one_batch ? x.size(0) : 1);
    const Backward<T> walk{
        px, pdy, pdx, f, done ? weighed.data() : merged.data(), one_batch ? 0 : groups, static_cast<C>(elements)};
    walk_all<T>(rows_of<T>(x, one_batch && f.same_for_all_samples(), {px, pdy, pdx}), walk);
  });
}

}  // namespace duel::cuda
