// Random numbers: element i in row-major order is made of word i % 4 of Philox block counter + i / 4, by the same
// transforms as on the CPU.
#include <bit>
#include <cmath>

#include "duel/cuda/kernels.h"
#include "duel/cuda/strided.cuh"
#include "duel/tensor/philox.h"
#include "duel/tensor/random_transforms.h"

namespace duel::cuda {
namespace {

// RandomBlocks as kernels see them.
struct Stream {
  std::uint64_t seed, counter;
  const std::int64_t* device_seed;  // in place of `seed`, unless null

  explicit Stream(const RandomBlocks& r)
      : seed(r.seed),
        counter(r.counter),
        device_seed(r.device_seed.defined() ? r.device_seed.data<std::int64_t>() : nullptr) {}
  __device__ std::uint64_t key() const { return device_seed ? static_cast<std::uint64_t>(*device_seed) : seed; }
};

// One rounding each: nvcc would make one of both, and other bits than the CPU's.
__device__ inline float scaled(float u, float width, float low) {
#ifdef __CUDACC__
  return __fadd_rn(low, __fmul_rn(u, width));
#else
  return low + u * width;
#endif
}
__device__ inline double scaled(double u, double width, double low) {
#ifdef __CUDACC__
  return __dadd_rn(low, __dmul_rn(u, width));
#else
  return low + u * width;
#endif
}

// In [low, high), of one word; `below` is the number before high.
template <class A>
struct Uniform {
  using Value = A;
  A low, high, below;

  __device__ A number(std::uint32_t word) const {
    A u;
    unit(word, u);
    const A x = scaled(u, high - low, low);
    return x < high ? x : below;
  }
  __device__ void pair(std::uint32_t first, std::uint32_t second, A& x, A& y) const {
    x = number(first);
    y = number(second);
  }
};

// By Box and Muller (1958), of two words; in double whatever the dtype.
template <class A>
struct Normal {
  using Value = A;
  double mean, stddev;

  __device__ void pair(std::uint32_t first, std::uint32_t second, A& x, A& y) const {
    const double radius = stddev * std::sqrt(-2 * math::log(open_unit(first)));
    double cosine, sine;
    cos_sin_of_turn(second, cosine, sine);
    x = static_cast<A>(mean + radius * cosine);
    y = static_cast<A>(mean + radius * sine);
  }
};

// What an element is multiplied by in dropout, of one word: `scale` with probability `share`, else 0.
template <class A>
struct Dropout {
  using Value = A;
  A share, scale;

  __device__ A factor(std::uint32_t word) const {
    A u;
    unit(word, u);
    return functors::below::apply(u, share, scale);
  }
  __device__ void pair(std::uint32_t first, std::uint32_t second, A& x, A& y) const {
    x = factor(first);
    y = factor(second);
  }
};

// All four numbers of block i / 4.
template <class Draw>
__device__ inline Pack<typename Draw::Value, 4> draw_block(const Draw& draw, std::uint64_t seed, std::uint64_t counter,
                                                           std::int64_t i) {
  const PhiloxBlock block = philox(seed, counter + static_cast<std::uint64_t>(i / 4));
  Pack<typename Draw::Value, 4> numbers;
  draw.pair(block.w[0], block.w[1], numbers.v[0], numbers.v[1]);
  draw.pair(block.w[2], block.w[3], numbers.v[2], numbers.v[3]);
  return numbers;
}

// Number i alone.
template <class Draw>
__device__ inline typename Draw::Value draw_one(const Draw& draw, std::uint64_t seed, std::uint64_t counter,
                                                std::uint64_t i) {
  const PhiloxBlock block = philox(seed, counter + i / 4);
  const bool upper = i & 2;
  typename Draw::Value even, odd;
  draw.pair(upper ? block.w[2] : block.w[0], upper ? block.w[3] : block.w[1], even, odd);
  return i & 1 ? odd : even;
}

// A thread makes the four numbers of a block. `in_packs`: y is aligned to four elements.
template <class T, class Draw>
__global__ void draw_run_kernel(std::int64_t n, Stream stream, Draw draw, bool in_packs, T* y) {
  const std::uint64_t seed = stream.key();
  for (std::int64_t i = 4 * thread_index(); i < n; i += 4 * thread_count()) {
    const auto numbers = draw_block(draw, seed, stream.counter, i);
    const auto& v = numbers.v;
    if (in_packs && i + 4 <= n) {
      *reinterpret_cast<Pack<T, 4>*>(y + i) = {T(v[0]), T(v[1]), T(v[2]), T(v[3])};
    } else {
      DUEL_UNROLL
      for (int j = 0; j < 4; ++j)
        if (i + j < n) y[i + j] = T(v[j]);
    }
  }
}

// A thread makes one number, in the order of y's memory. walk: y, and an element's number in row-major order, which is
// `first` at the first.
template <class T, class Draw>
__global__ void draw_strided_kernel(Walk<2> walk, std::int64_t first, Stream stream, Draw draw, T* y) {
  const std::uint64_t seed = stream.key();
  for (auto k = static_cast<std::uint32_t>(thread_index()); k < walk.count; k += gridDim.x * blockDim.x) {
    const auto at = walk.offsets(k);
    y[at.v[0]] = T(draw_one(draw, seed, stream.counter, static_cast<std::uint64_t>(first + at.v[1])));
  }
}

template <class T, class Draw>
void draw_into(const Tensor& y, const RandomBlocks& r, const Draw& draw) {
  const Stream stream(r);
  T* const p = y.mutable_data<T>();
  if (y.is_row_major()) {
    const bool in_packs = is_aligned(p, alignof(Pack<T, 4>));
    DUEL_LAUNCH((draw_run_kernel<T, Draw>), blocks_for(y.numel(), kThreads, 4), kThreads, 0, y.numel(), stream, draw,
                in_packs, p);
    return;
  }
  const Shape number = dense_strides(y.shape(), Layout::row_major);
  for_each_part(merged_dims<2>(y.shape(), {y.strides(), number}), [&](const MergedDims<2>& part, const auto& base) {
    const Walk<2> walk(part);
    DUEL_LAUNCH((draw_strided_kernel<T, Draw>), blocks_for(walk.count), kThreads, 0, walk, base[1], stream, draw,
                p + base[0]);
  });
}

// y = x times the numbers: a block of them at a time where x and y are row-major ...
template <class T>
__global__ void dropout_run_kernel(std::int64_t n, Stream stream, Dropout<compute_t<T>> draw, bool in_packs, const T* x,
                                   T* y) {
  const std::uint64_t seed = stream.key();
  for (std::int64_t i = 4 * thread_index(); i < n; i += 4 * thread_count()) {
    const auto factors = draw_block(draw, seed, stream.counter, i);
    if (in_packs && i + 4 <= n) {
      auto v = *reinterpret_cast<const Pack<T, 4>*>(x + i);
      DUEL_UNROLL
      for (int j = 0; j < 4; ++j) v.v[j] = T(v.v[j] * factors.v[j]);
      *reinterpret_cast<Pack<T, 4>*>(y + i) = v;
    } else {
      DUEL_UNROLL
      for (int j = 0; j < 4; ++j)
        if (i + j < n) y[i + j] = T(x[i + j] * factors.v[j]);
    }
  }
}

// ... and one by one elsewhere. walk: y, x, and an element's number as above.
template <class T>
__global__ void dropout_strided_kernel(Walk<3> walk, std::int64_t first, Stream stream, Dropout<compute_t<T>> draw,
                                       const T* x, T* y) {
  const std::uint64_t seed = stream.key();
  for (auto k = static_cast<std::uint32_t>(thread_index()); k < walk.count; k += gridDim.x * blockDim.x) {
    const auto at = walk.offsets(k);
    const auto i = static_cast<std::uint64_t>(first + at.v[2]);
    y[at.v[0]] = T(x[at.v[1]] * draw_one(draw, seed, stream.counter, i));
  }
}

template <class T>
void drop(const Tensor& x, const RandomBlocks& r, const Dropout<compute_t<T>>& draw, const Tensor& y) {
  const Stream stream(r);
  const T* const px = x.data<T>();
  T* const py = y.mutable_data<T>();
  if (x.is_row_major() && y.is_row_major()) {
    const bool in_packs = is_aligned(px, alignof(Pack<T, 4>)) && is_aligned(py, alignof(Pack<T, 4>));
    DUEL_LAUNCH(dropout_run_kernel<T>, blocks_for(y.numel(), kThreads, 4), kThreads, 0, y.numel(), stream, draw,
                in_packs, px, py);
    return;
  }
  const Shape number = dense_strides(y.shape(), Layout::row_major);
  const auto walked = merged_dims<3>(y.shape(), {y.strides(), x.strides(), number});
  for_each_part(walked, [&](const MergedDims<3>& part, const auto& base) {
    const Walk<3> walk(part);
    DUEL_LAUNCH(dropout_strided_kernel<T>, blocks_for(walk.count), kThreads, 0, walk, base[2], stream, draw,
                px + base[1], py + base[0]);
  });
}

__global__ void split_seed_kernel(Stream stream, std::int64_t* seed) {
  *seed = static_cast<std::int64_t>(duel::split_seed(stream.key(), stream.counter));
}

}  // namespace

void uniform(const Tensor& y, const RandomBlocks& r, double low, double high) {
  if (y.numel() == 0) return;
  dispatch_computed("uniform", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = compute_t<T>;
    const A from = static_cast<A>(low), to = static_cast<A>(high);
    draw_into<T>(y, r, Uniform<A>{from, to, std::nextafter(to, from)});
  });
}

void normal(const Tensor& y, const RandomBlocks& r, double mean, double stddev) {
  if (y.numel() == 0) return;
  dispatch_computed("normal", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    draw_into<T>(y, r, Normal<compute_t<T>>{mean, stddev});
  });
}

void dropout(const Tensor& x, const RandomBlocks& r, double p, const Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_computed("dropout", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = compute_t<T>;
    drop<T>(x, r, {static_cast<A>(1 - p), static_cast<A>(1 / (1 - p))}, y);
  });
}

void split_seed(const Tensor& seed, const RandomBlocks& r) {
  DUEL_LAUNCH(split_seed_kernel, 1, 1, 0, Stream(r), seed.mutable_data<std::int64_t>());
}

}  // namespace duel::cuda
