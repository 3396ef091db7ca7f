// The mean and variance of columns of data, as normalisations take them: by Chan, Golub and LeVeque's merging (1979),
// in which nothing cancels.
#pragma once

#include "duel/cuda/column_reduce.cuh"

namespace duel::cuda {

/// How many values there were, their mean, and the sum of the squares of what they differ from it.
template <class C>
struct Moments {
  using Scalar = C;
  C count = 0, mean = 0, m2 = 0;
};

#if defined(__CUDACC__) || defined(DUEL_SIMULATED_CUDA)

template <class C>
__device__ inline Moments<C> merge(const Moments<C>& a, const Moments<C>& b) {
  if (b.count == 0) return a;
  const C count = a.count + b.count, share = b.count / count, difference = b.mean - a.mean;
  return {count, a.mean + difference * share, a.m2 + b.m2 + difference * difference * (a.count * share)};
}
template <class C>
__device__ inline Moments<C> shuffle_down(const Moments<C>& m, int lanes) {
  return {__shfl_down_sync(0xffffffffu, m.count, lanes), __shfl_down_sync(0xffffffffu, m.mean, lanes),
          __shfl_down_sync(0xffffffffu, m.m2, lanes)};
}

/// One thread's moments of V columns: a few rows at a time by their own mean, merged as above.
template <class T, int V>
struct ColumnMoments {
  using C = compute_t<T>;
  C count = 0, mean[V] = {}, m2[V] = {};

  template <int rows>
  __device__ void add(const Pack<T, V> (&x)[rows]) {
    const C before = count, share = rows / (before + rows);
    count = before + rows;
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) {
      C sum = 0, squares = 0;
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) sum += C(x[k].v[j]);
      const C centre = sum / rows, difference = centre - mean[j];
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) squares += (C(x[k].v[j]) - centre) * (C(x[k].v[j]) - centre);
      mean[j] += difference * share;
      m2[j] += squares + difference * difference * (before * share);
    }
  }
  __device__ Moments<C> value(int j) const { return {count, mean[j], m2[j]}; }
};

/// The moments of columns: a reduction (column_reduce.cuh).
template <class T>
struct MomentsReduction {
  using Value = Moments<compute_t<T>>;
  static constexpr int kBatch = 4;
  const T* x;

  template <int V>
  struct Thread {
    const T* x;
    ColumnMoments<T, V> moments;

    __device__ Thread(const MomentsReduction& r, std::int64_t, std::int64_t) : x(r.x) {}
    template <int rows>
    __device__ void add(std::int64_t offset, std::int64_t step) {
      Pack<T, V> in[rows];
      DUEL_UNROLL
      for (int k = 0; k < rows; ++k) in[k] = load<V>(x + offset + k * step);
      moments.add(in);
    }
    __device__ Value value(int j) const { return moments.value(j); }
  };
};

/// Takes moments apart into row-major [N, G], or [C] of any strides.
template <class C>
struct StoreMoments {
  C *mean, *var;
  std::int64_t row, mean_step, var_step;

  __device__ void operator()(std::int64_t n, std::int64_t i, const Moments<C>& m) const {
    mean[n * row + i * mean_step] = m.mean;
    var[n * row + i * var_step] = m.m2 / m.count;
  }
};

#endif

}  // namespace duel::cuda
