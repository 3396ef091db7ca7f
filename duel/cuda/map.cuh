// Functions of one element: y = f(x...) over tensors of any strides, all kernels of which come from here.
#pragma once

#include "duel/cuda/strided.cuh"

namespace duel::cuda {

/// The first elements of K tensors.
template <int K, class X>
struct Inputs {
  const X* p[K];
};

/// V elements from p on, or one that stands for all.
template <int V, class X>
__device__ inline Pack<X, V> load_pack(const X* p, bool repeated) {
  Pack<X, V> pack;
  if (V > 1 && !repeated) return *reinterpret_cast<const Pack<X, V>*>(p);
  const X x = *p;
  DUEL_UNROLL
  for (int j = 0; j < V; ++j) pack.v[j] = x;
  return pack;
}

template <int K, class F, class X>
__device__ inline auto apply_to(const F& f, const X (&v)[K]) {
  if constexpr (K == 1)
    return f(v[0]);
  else if constexpr (K == 2)
    return f(v[0], v[1]);
  else
    return f(v[0], v[1], v[2]);
}

/// Tensor 0 of the walk is y. In units of V elements, with up to V - 1 more, `rest`, at the end of a run.
template <int V, int K, class F, class Y, class X>
__global__ void map_kernel(Walk<K + 1> walk, std::uint32_t rest, F f, Y* y, Inputs<K, X> x) {
  for (auto i = static_cast<std::uint32_t>(thread_index()); i < walk.count; i += gridDim.x * blockDim.x) {
    const auto at = walk.offsets(i);
    Pack<X, V> in[K];
    DUEL_UNROLL
    for (int k = 0; k < K; ++k) in[k] = load_pack<V>(x.p[k] + at.v[k + 1], walk.stride[walk.dims - 1][k + 1] == 0);
    Pack<Y, V> out;
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) {
      X v[K];
      for (int k = 0; k < K; ++k) v[k] = in[k].v[j];
      out.v[j] = apply_to(f, v);
    }
    *reinterpret_cast<Pack<Y, V>*>(y + at.v[0]) = out;
  }
  if (V > 1 && thread_index() < rest) {
    const auto i = walk.count * V + static_cast<std::uint32_t>(thread_index());
    X v[K];
    for (int k = 0; k < K; ++k) v[k] = x.p[k][walk.stride[0][k + 1] == 0 ? 0 : i];
    y[i] = apply_to(f, v);
  }
}

/// Whether V elements at a time will do: each tensor has them side by side or one for all, y side by side.
template <int V, int K, class Y, class X>
bool in_packs(const MergedDims<K + 1>& m, const Y* y, const Inputs<K, X>& x) {
  if (!packs_fit(m, 0, y, V) || (m.dims > 1 && m.inner_size() % V != 0)) return false;
  for (int k = 0; k < K; ++k)
    if (m.inner_stride(k + 1) != 0 && !packs_fit(m, k + 1, x.p[k], V)) return false;
  return true;
}

/// y = f(x...) for K inputs of one type and of y's shape; stride 0 where they broadcast. f is called with K elements.
/// Where y is an input it is the very same elements.
template <class Y, class X, int K, class F>
void map(const Tensor& y, const Tensor (&inputs)[K], const F& f) {
  if (y.numel() == 0) return;
  std::array<Shape, K + 1> strides{y.strides()};
  for (std::size_t k = 0; k < K; ++k) strides[k + 1] = inputs[k].strides();
  for_each_part(merged_dims<K + 1>(y.shape(), strides), [&](const MergedDims<K + 1>& m, const auto& base) {
    constexpr int kWide = std::min(kPack<X>, kPack<Y>);
    Y* const py = y.mutable_data<Y>() + base[0];
    Inputs<K, X> px;
    for (std::size_t k = 0; k < K; ++k) px.p[k] = inputs[k].template data<X>() + base[k + 1];
    if (in_packs<kWide>(m, py, px)) {
      const auto rest = static_cast<std::uint32_t>(m.inner_size() % kWide);
      const Walk<K + 1> walk(m, kWide);
      DUEL_LAUNCH((map_kernel<kWide, K, F, Y, X>), blocks_for(walk.count), kThreads, 0, walk, rest, f, py, px);
    } else {
      const Walk<K + 1> walk(m);
      DUEL_LAUNCH((map_kernel<1, K, F, Y, X>), blocks_for(walk.count), kThreads, 0, walk, 0u, f, py, px);
    }
  });
}

}  // namespace duel::cuda
