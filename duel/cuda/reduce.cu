// Sums and maxima over any set of dimensions.
//
// What is neighbour to what in x decides between two kernels: `rows`, whose threads share an output and read along the
// reduced dimensions, and `columns`, whose threads have outputs side by side. Where there are few outputs the reduced
// elements are cut into pieces, whose results, [pieces, outputs], are columns to reduce once more. How it is cut
// depends on shapes and strides only, and so do the bits. A thread adds up a few numbers at a time, threads and pieces
// are put together in trees: the error hardly depends on the number of elements.
#include <cmath>

#include "duel/cuda/kernels.h"
#include "duel/cuda/strided.cuh"

namespace duel::cuda {
namespace {

struct Sum {
  template <class A>
  static __device__ A start() {
    return 0;
  }
  template <class A>
  static __device__ A join(A a, A b) {
    return a + b;
  }
};

struct Amax {
  template <class A>
  static __device__ A start() {
    return -static_cast<A>(INFINITY);
  }
  template <class A>
  static __device__ A join(A a, A b) {
    return (a > b) | (a != a) ? a : b;  // NaN if either is
  }
};

// Where results go: to y, or, before they are final, to partial [pieces, outputs].
template <class Y>
struct Results {
  Y* y;
  compute_t<Y>* partial;  // null: to y
};

// Packs of V elements that a thread has on their way at a time.
template <int V>
constexpr int kInFlight = V == 1 ? 4 : 2;

// Joins V neighbouring elements of every `step`th unit from `begin` to `end` to acc: unit i has its first at
// x[reduced.offsets(i)].
template <class Op, int V, class X, class A>
__device__ inline void accumulate(const Walk<1>& reduced, const X* x, std::uint32_t begin, std::uint32_t end,
                                  std::uint32_t step, A (&acc)[V]) {
  constexpr int kLanes = kInFlight<V>;
  A lane[kLanes][V];
  DUEL_UNROLL
  for (int u = 0; u < kLanes; ++u)
    for (int j = 0; j < V; ++j) lane[u][j] = Op::template start<A>();
  const auto unit = [&](std::uint32_t i) { return *reinterpret_cast<const Pack<X, V>*>(x + reduced.offsets(i).v[0]); };
  const auto join = [](A(&to)[V], const Pack<X, V>& in) {
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) to[j] = Op::join(to[j], static_cast<A>(in.v[j]));
  };
  std::uint32_t i = begin;
  for (; i + (kLanes - 1) * step < end; i += kLanes * step) {
    Pack<X, V> in[kLanes];
    DUEL_UNROLL
    for (int u = 0; u < kLanes; ++u) in[u] = unit(i + u * step);
    DUEL_UNROLL
    for (int u = 0; u < kLanes; ++u) join(lane[u], in[u]);
  }
  for (; i < end; i += step) join(lane[0], unit(i));
  DUEL_UNROLL
  for (int u = kLanes / 2; u > 0; u /= 2)
    for (int l = 0; l < u; ++l)
      for (int j = 0; j < V; ++j) lane[l][j] = Op::join(lane[l][j], lane[l + u][j]);
  DUEL_UNROLL
  for (int j = 0; j < V; ++j) acc[j] = lane[0][j];
}

// `width` threads for each output, a power of two up to a warp, or the block. kept: x, y; reduced in units of V.
template <class Op, int V, class X, class Y>
__global__ void __launch_bounds__(kThreads)
    rows_kernel(Walk<2> kept, Walk<1> reduced, std::uint32_t width, std::uint32_t piece, const X* x, Results<Y> to) {
  using A = compute_t<Y>;
  __shared__ A of_warp[kThreads / kWarp];
  const std::uint32_t output = blockIdx.x * (kThreads / width) + threadIdx.x / width;
  const bool is_one = output < kept.count;
  const auto at = kept.offsets(is_one ? output : 0);
  const std::uint32_t begin = blockIdx.y * piece;
  const std::uint32_t end = is_one ? min(begin + piece, reduced.count) : 0;
  A acc[V];
  accumulate<Op, V>(reduced, x + at.v[0], begin + threadIdx.x % width, end, width, acc);
  DUEL_UNROLL
  for (int step = V / 2; step > 0; step /= 2)
    for (int j = 0; j < step; ++j) acc[j] = Op::join(acc[j], acc[j + step]);
  A v = acc[0];
  for (unsigned step = min(width, static_cast<std::uint32_t>(kWarp)) / 2; step > 0; step /= 2)
    v = Op::join(v, __shfl_xor_sync(0xffffffffu, v, step));
  if (width > kWarp) {
    if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = v;
    __syncthreads();
    for (unsigned w = 1; w < kThreads / kWarp; ++w) v = Op::join(v, of_warp[w]);  // of use in the first thread
  }
  if (!is_one || threadIdx.x % width != 0) return;
  if (to.partial)
    to.partial[std::int64_t{blockIdx.y} * kept.count + output] = v;
  else
    to.y[at.v[1]] = Y(v);
}

// V neighbouring outputs for each of `lanes` threads, a power of two; the other threads of a block, the other elements.
// kept: x, y, in units of V outputs, which are `y_step` apart in y.
template <class Op, int V, class X, class Y>
__global__ void __launch_bounds__(kThreads)
    columns_kernel(Walk<2> kept, std::int32_t y_step, Walk<1> reduced, std::uint32_t lanes, std::uint32_t piece,
                   const X* x, Results<Y> to) {
  using A = compute_t<Y>;
  __shared__ A shared[V][kThreads];
  const std::uint32_t unit = blockIdx.x * lanes + threadIdx.x % lanes, row = threadIdx.x / lanes;
  const std::uint32_t rows = kThreads / lanes;
  const bool is_one = unit < kept.count;
  const auto at = kept.offsets(is_one ? unit : 0);
  const std::uint32_t begin = blockIdx.y * piece;
  const std::uint32_t end = is_one ? min(begin + piece, reduced.count) : 0;
  A acc[V];
  accumulate<Op, V>(reduced, x + at.v[0], begin + row, end, rows, acc);
  for (std::uint32_t half = rows / 2; half > 0; half /= 2) {
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) shared[j][threadIdx.x] = acc[j];
    __syncthreads();
    if (row < half) {
      DUEL_UNROLL
      for (int j = 0; j < V; ++j) acc[j] = Op::join(acc[j], shared[j][threadIdx.x + half * lanes]);
    }
    __syncthreads();
  }
  if (!is_one || row != 0) return;
  const std::int64_t first = std::int64_t{blockIdx.y} * kept.count + unit;
  DUEL_UNROLL
  for (int j = 0; j < V; ++j) {
    if (to.partial)
      to.partial[first * V + j] = acc[j];
    else
      to.y[at.v[1] + j * y_step] = Y(acc[j]);
  }
}

// How a part of a reduction is cut. All is decided by shapes, strides and alignment.
struct Plan {
  bool in_rows, in_packs;
  std::int64_t width;   // threads for an output, or with outputs side by side
  std::int64_t blocks;  // for the outputs of one piece
  std::int64_t piece, pieces;
};

// Enough blocks to keep any device at work.
constexpr std::int64_t kEnoughBlocks = 512;
// Units for each thread of a piece, at least: fewer are not worth a second kernel.
constexpr std::int64_t kPerThread = 16;

// kept: x, y; `pack`: elements of x in 16 bytes.
template <class X>
Plan plan_of(const MergedDims<2>& kept, const MergedDims<1>& reduced, const X* x, std::int64_t most_pieces) {
  constexpr int kWide = kPack<X>;
  Plan p{};
  const std::int64_t outputs = kept.numel(), depth = reduced.numel();
  p.in_rows = kept.inner_size() == 1 || (depth > 1 && reduced.inner_stride(0) <= kept.inner_stride(0));
  const auto multiples = [&](const auto& m) {  // of all of x's strides there
    for (int d = 0; d < m.dims; ++d)
      if (m.size[static_cast<std::size_t>(d)] > 1 && m.stride[static_cast<std::size_t>(d)][0] % kWide != 0)
        return false;
    return true;
  };
  p.in_packs = p.in_rows ? reduced.inner_size() % kWide == 0 && packs_fit(reduced, 0, x, kWide) && multiples(kept)
                         : kept.inner_size() % kWide == 0 && packs_fit(kept, 0, x, kWide) && multiples(reduced);
  const std::int64_t pack = p.in_packs ? kWide : 1;
  const std::int64_t side = p.in_rows ? depth / pack : outputs / pack;  // along which threads lie side by side
  p.width = 1;
  if (p.in_rows) {
    while (p.width < kWarp && 4 * p.width < side) p.width *= 2;
    if (side >= 4 * kThreads) p.width = kThreads;
    p.blocks = ceil_div(outputs, kThreads / p.width);
  } else {
    while (p.width < kWarp && p.width < side) p.width *= 2;
    p.blocks = ceil_div(side, p.width);
  }
  const std::int64_t units = p.in_rows ? side : depth, threads = p.in_rows ? p.width : kThreads / p.width;
  const std::int64_t useful = ceil_div(units, threads * kPerThread);
  p.pieces = std::clamp<std::int64_t>(kEnoughBlocks / p.blocks, 1, std::min(useful, most_pieces));
  p.piece = ceil_div(units, p.pieces);
  p.pieces = ceil_div(units, p.piece);
  return p;
}

template <class Op, int V, class X, class Y>
void launch(const Plan& p, const MergedDims<2>& kept, const MergedDims<1>& reduced, const X* x, Results<Y> to) {
  const dim3 grid(static_cast<unsigned>(p.blocks), static_cast<unsigned>(p.pieces));
  const auto width = static_cast<std::uint32_t>(p.width), piece = static_cast<std::uint32_t>(p.piece);
  if (p.in_rows) {
    DUEL_LAUNCH((rows_kernel<Op, V, X, Y>), grid, kThreads, 0, Walk<2>(kept), Walk<1>(reduced, V), width, piece, x, to);
  } else {
    const auto y_step = static_cast<std::int32_t>(kept.inner_stride(1));
    DUEL_LAUNCH((columns_kernel<Op, V, X, Y>), grid, kThreads, 0, Walk<2>(kept, V), y_step, Walk<1>(reduced), width,
                piece, x, to);
  }
}

template <class Op, class X, class Y>
void run(const Plan& p, const MergedDims<2>& kept, const MergedDims<1>& reduced, const X* x, Results<Y> to) {
  p.in_packs ? launch<Op, kPack<X>>(p, kept, reduced, x, to) : launch<Op, 1>(p, kept, reduced, x, to);
}

// All of the reduced elements for a part of the outputs. Nearly always they, too, are one part.
template <class Op, class T>
void reduce_part(const MergedDims<2>& kept, const MergedDims<1>& reduced, const T* x, T* y) {
  using A = compute_t<T>;
  const std::int64_t outputs = kept.numel();
  std::int64_t pieces = 0;
  for_each_part(reduced, [&](const MergedDims<1>& part, const auto& base) {
    pieces += plan_of(kept, part, x + base[0], kEnoughBlocks).pieces;
  });
  Tensor partial;  // [pieces, outputs]
  if (pieces > 1) partial = Tensor::empty({pieces, outputs}, {dtype_of<A>(), Device::cuda});
  A* next = pieces > 1 ? partial.template mutable_data<A>() : nullptr;
  for_each_part(reduced, [&](const MergedDims<1>& part, const auto& base) {
    const Plan p = plan_of(kept, part, x + base[0], kEnoughBlocks);
    run<Op>(p, kept, part, x + base[0], Results<T>{y, next});
    if (next) next += p.pieces * outputs;
  });
  if (pieces == 1) return;
  check(pieces * outputs <= INT32_MAX, "reduce", outputs, " sums in ", pieces, " pieces are too many for one call");
  MergedDims<2> outputs_of_piece = kept;  // dense, in the order of `kept`
  std::int64_t inner = 1;
  for (auto d = static_cast<std::size_t>(kept.dims); d-- > 0; inner *= kept.size[d])
    outputs_of_piece.stride[d][0] = inner;
  const auto all_pieces = merged_dims<1>({pieces}, {Shape{outputs}});
  const A* first = partial.template data<A>();
  run<Op>(plan_of(outputs_of_piece, all_pieces, first, 1), outputs_of_piece, all_pieces, first, Results<T>{y, nullptr});
}

template <class Op>
void reduce(const char* operation, const Tensor& x, const Tensor& y) {
  if (y.numel() == 0) return;
  Shape kept = x.shape(), reduced = x.shape();
  for (int i = 0; i < x.dim(); ++i) (y.shape()[i] == x.shape()[i] ? reduced : kept)[i] = 1;
  const auto kept_dims = merged_dims<2>(kept, {x.strides(), y.strides()});
  const auto reduced_dims = merged_dims<1>(reduced, {x.strides()});
  dispatch_computed(operation, x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_each_part(kept_dims, [&](const MergedDims<2>& part, const auto& base) {
      reduce_part<Op>(part, reduced_dims, x.data<T>() + base[0], y.mutable_data<T>() + base[1]);
    });
  });
}

}  // namespace

void sum(const Tensor& x, const Tensor& y) {
  if (x.numel() == 0) return fill(y, 0);
  reduce<Sum>("sum", x, y);
}

void amax(const Tensor& x, const Tensor& y) {
  check(x.numel() > 0 || y.numel() == 0, "amax", "no elements to take the largest of in shape ", x.shape());
  reduce<Amax>("amax", x, y);
}

}  // namespace duel::cuda
