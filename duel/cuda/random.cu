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

// A thread makes the four numbers of a block. `in_packs`: y is aligned to four elements.
template <class T, class Draw>
__global__ void draw_run_kernel(std::int64_t n, Stream stream, Draw draw, bool in_packs, T* y) {
  const std::uint64_t seed = stream.key();
  for (std::int64_t i = 4 * thread_index(); i < n; i += 4 * thread_count()) {
    const PhiloxBlock block = philox(seed, stream.counter + static_cast<std::uint64_t>(i / 4));
    typename Draw::Value v[4];
    draw.pair(block.w[0], block.w[1], v[0], v[1]);
    draw.pair(block.w[2], block.w[3], v[2], v[3]);
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
    const auto i = static_cast<std::uint64_t>(first + at.v[1]);
    const PhiloxBlock block = philox(seed, stream.counter + i / 4);
    const bool upper = i & 2;
    typename Draw::Value even, odd;
    draw.pair(upper ? block.w[2] : block.w[0], upper ? block.w[3] : block.w[1], even, odd);
    y[at.v[0]] = T(i & 1 ? odd : even);
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

void split_seed(const Tensor& seed, const RandomBlocks& r) {
  DUEL_LAUNCH(split_seed_kernel, 1, 1, 0, Stream(r), seed.mutable_data<std::int64_t>());
}

}  // namespace duel::cuda
