// Spectral normalisation: the power method for many weights at once, and the gradient through sigma. A weight is read
// in the order of its memory, whichever way round its rows and columns lie there. Sums are cut into parts by shape
// alone; who needs one adds its parts in their order.
#include <cmath>
#include <vector>

#include "duel/cuda/kernels.h"
#include "duel/cuda/matrix_order.cuh"

namespace duel::cuda {
namespace {

constexpr Size kMostWeights = 42;  // of a launch
// Partial sums of a scalar, which each block that needs it adds up; and so many blocks fill a device.
constexpr Size kMostSums = 384;

// ---- the power method ----

// The vector that is looked for, v = W' u or u = W v, from the other one.
enum class Side : std::uint8_t { v, u };
// Where the other one is: where the caller gave it, or where an earlier launch left it.
enum class Source : std::uint8_t { given, found };

// n rows or columns cut into parts of so many tiles that neither who makes a part nor who adds them up has much to do.
struct Parts {
  Size size, count;
};
DUEL_HD Parts parts_of(Size n, Size tile) {
  constexpr Size kPartsPerTile = 32;
  Size tiles = 1;
  while (tiles * tiles * kPartsPerTile < pieces(n, tile)) ++tiles;
  return {tiles * tile, pieces(n, tiles * tile)};
}

// Elements of a vector in the order of memory, which are yet to be divided by its norm, and partial sums of whatever
// the norm, or sigma, follows from.
template <class T>
struct Vector {
  T *values, *sums;
  Size size, sum_count;
};

template <class T>
struct Weight {
  const T *matrix, *from_u, *from_v;
  T *u, *v, *divisor, *to_u, *to_v, *to_sigma;
  MatrixOrder order;
  Size scratch;      // where its scratch memory begins, in packs
  Size first_block;  // of the launch

  // Of the product that gives one side. Its elements are inner products of x with rows in memory, or else sums of such
  // rows times elements of x.
  DUEL_HD bool is_inner(Side side) const { return (side == Side::v) == order.rows_innermost; }
  DUEL_HD Size tiles(Side side) const {  // across its elements
    return is_inner(side) ? pieces(order.outer(), kTileRows) : pieces(order.inner(), kTileColumns<T>);
  }
  DUEL_HD Parts parts(Side side) const {  // of each element
    return is_inner(side) ? parts_of(order.inner(), kTileColumns<T>) : parts_of(order.outer(), kTileRows);
  }
  DUEL_HD Size size(Side side) const { return side == Side::v ? order.columns() : order.rows; }
  DUEL_HD Size sum_count(Side side) const {
    const Size runs = pieces(size(side), kWarp);
    return runs < kMostSums ? runs : kMostSums;
  }

  // Scratch memory: v, u, the sums of v, those of u, and the parts of a product [parts, size].
  DUEL_HD static std::int64_t padded(std::int64_t n) { return (n + kPack<T> - 1) / kPack<T> * kPack<T>; }
  DUEL_HD std::int64_t u_offset() const { return padded(order.columns()); }
  DUEL_HD std::int64_t sums_offset() const { return u_offset() + padded(order.rows); }
  DUEL_HD std::int64_t parts_offset() const { return sums_offset() + 2 * std::int64_t{kMostSums}; }
  DUEL_HD T* parts_in(T* memory) const { return memory + std::int64_t{scratch} * kPack<T> + parts_offset(); }
  DUEL_HD Vector<T> vector_in(T* memory, Side side) const {
    T *const mine = memory + std::int64_t{scratch} * kPack<T>, *const sums = mine + sums_offset();
    return side == Side::v ? Vector<T>{mine, sums, size(side), sum_count(side)}
                           : Vector<T>{mine + u_offset(), sums + kMostSums, size(side), sum_count(side)};
  }
  std::int64_t scratch_elements() const {
    const auto elements = [this](Side side) { return std::int64_t{parts(side).count} * size(side); };
    return padded(parts_offset() + std::max(elements(Side::v), elements(Side::u)));
  }
};

// The weights of a launch: an argument of the kernel, of which there are at most 4 KB.
template <class T>
struct Group {
  Weight<T> weights[kMostWeights];
  T* memory;
  Size count;

  // Which weight has this block: the last whose first block is not beyond it.
  __device__ const Weight<T>& weight_of(Size block) const {
    Size low = 0, high = count;
    while (high - low > 1) {
      const Size middle = (low + high) / 2;
      (weights[middle].first_block <= block ? low : high) = middle;
    }
    return weights[low];
  }
};

// The matrix of a weight, and the vector that it is multiplied by to find the one on `side`.
template <class T>
struct Product {
  const T *matrix, *x;
  MatrixOrder order;
  Size outer, inner;
  bool in_packs, x_is_numbered, x_in_packs;  // numbered: not in the order of memory

  __device__ Product(const Weight<T>& w, T* memory, Side side, Source source)
      : matrix(w.matrix), order(w.order), outer(order.outer()), inner(order.inner()) {
    const bool given = source == Source::given;
    x = side == Side::v ? (given ? w.from_u : w.vector_in(memory, Side::u).values)
                        : (given ? w.from_v : w.vector_in(memory, Side::v).values);
    x_is_numbered = given && side == Side::u && order.channels_innermost;
    x_in_packs = !x_is_numbered && reinterpret_cast<std::uintptr_t>(x) % 16 == 0;
    in_packs = inner % kPack<T> == 0 && reinterpret_cast<std::uintptr_t>(matrix) % 16 == 0;
  }
  __device__ std::int64_t x_at(Size i) const { return x_is_numbered ? order.number(i) : i; }
  __device__ void load(Size row, Size end, const Columns<T>& columns, Pack<T, kPack<T>> (&values)[kRows]) const {
    load_rows([this](Size i) { return matrix + std::int64_t{i} * inner; }, row, end, columns, in_packs, values);
  }
};

// sums[row] = the inner product with x of each row of a tile, within the columns of a part.
template <class T>
__device__ void inner_products(const Product<T>& p, Size tile, Size begin, Size end, T* sums) {
  const Size lane = threadIdx.x % kWarp, row = tile * kTileRows + threadIdx.x / kWarp * kRows;
  if (row >= p.outer) return;
  T sum[kRows] = {};
  for (Size start = begin; start < end; start += kTileColumns<T>) {
    const Size column = start + lane * kPack<T>;
    Pack<T, kPack<T>> values[kRows];
    p.load(row, p.outer, Columns<T>(column, end), values);
    const auto x = load_columns(p.x, Columns<T>(column, end, [&p](Size i) { return p.x_at(i); }), p.x_in_packs);
    DUEL_UNROLL
    for (Size k = 0; k < kRows; ++k) {
      DUEL_UNROLL
      for (int j = 0; j < kPack<T>; ++j) sum[k] += values[k].v[j] * x.v[j];
    }
  }
  T mine = 0;
  DUEL_UNROLL
  for (Size k = 0; k < kRows; ++k) {
    const T total = warp_sum(sum[k]);
    if (lane == k) mine = total;
  }
  if (lane < kRows && row + lane < p.outer) sums[row + lane] = mine;
}

// sums[column] = the sum of the rows of a part, each times its element of x, at the columns of a tile.
template <class T>
__device__ void row_sums(const Product<T>& p, Size tile, Size begin, Size end, T* sums) {
  const Size lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, first = tile * kTileColumns<T>;
  const Columns<T> columns(first + lane * kPack<T>, p.inner);
  Pack<T, kPack<T>> sum{};
  for (Size row = begin + warp * kRows; row < end; row += kTileRows) {
    Pack<T, kPack<T>> values[kRows];
    p.load(row, end, columns, values);
    DUEL_UNROLL
    for (Size k = 0; k < kRows; ++k) {
      const T x = row + k < end ? p.x[p.x_at(row + k)] : T(0);
      DUEL_UNROLL
      for (int j = 0; j < kPack<T>; ++j) sum.v[j] += values[k].v[j] * x;
    }
  }
  __shared__ Pack<T, kPack<T>> shared[kWarps][kWarp];
  shared[warp][lane] = sum;
  __syncthreads();
  const Size column = threadIdx.x;
  if (column >= kTileColumns<T> || first + column >= p.inner) return;
  T total = 0;
  for (Size i = 0; i < kWarps; ++i) total += shared[i][column / kPack<T>].v[column % kPack<T>];
  sums[first + column] = total;
}

// The parts of the product that the vector on `side` comes from.
template <class T>
__global__ void __launch_bounds__(kThreads) product_kernel(Group<T> group, Side side, Source source) {
  const Weight<T>& w = group.weight_of(blockIdx.x);
  const Product<T> product(w, group.memory, side, source);
  const Size block = blockIdx.x - w.first_block, tiles = w.tiles(side), part = block / tiles, tile = block % tiles;
  const Size size = w.parts(side).size, begin = part * size;
  const Size left = (w.is_inner(side) ? product.inner : product.outer) - begin, end = begin + min(left, size);
  T* const sums = w.parts_in(group.memory) + std::int64_t{part} * w.size(side);
  if (w.is_inner(side))
    inner_products(product, tile, begin, end, sums);
  else
    row_sums(product, tile, begin, end, sums);
}

// What a vector is divided by: its norm, from the sum of its squares, but eps at least. All of a block must call it.
template <class T>
__device__ inline T norm_of(const Vector<T>& vector, T eps, T* scratch) {
  return max(std::sqrt(block_total(vector.sums, vector.sum_count, scratch)), eps);
}

// The vector on `side` from the parts of its product, with the other one divided by its norm if it was not given; and
// partial sums of its squares, or of u' W v where u is given.
template <class T>
__global__ void __launch_bounds__(kThreads) vector_kernel(Group<T> group, Side side, Source source, T eps) {
  __shared__ T scratch[kWarp], shared[kWarps][kWarp];
  const Weight<T>& w = group.weight_of(blockIdx.x);
  const Size lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, block = blockIdx.x - w.first_block;
  const Vector<T> to = w.vector_in(group.memory, side);
  const Vector<T> from = w.vector_in(group.memory, side == Side::v ? Side::u : Side::v);
  const bool given = source == Source::given;
  const T norm = given ? T(1) : norm_of(from, eps, scratch);
  const T* const factor = given && side == Side::u ? w.from_u : to.values;
  const T* const parts = w.parts_in(group.memory);
  const Size part_count = w.parts(side).count;
  T sum = 0;
  for (Size first = block * kWarp; first < to.size; first += to.sum_count * kWarp) {
    const Size i = first + lane;
    T mine = 0;
    if (i < to.size)
      for (Size part = warp; part < part_count; part += kWarps) mine += parts[std::int64_t{part} * to.size + i];
    __syncthreads();  // whoever still reads
    shared[warp][lane] = mine;
    __syncthreads();
    if (warp > 0 || i >= to.size) continue;
    T value = 0;
    for (Size k = 0; k < kWarps; ++k) value += shared[k][lane];
    value /= norm;
    to.values[i] = value;
    sum += value * factor[i];
  }
  sum = warp_sum(sum);
  if (threadIdx.x == 0) to.sums[block] = sum;
}

DUEL_HD Size store_blocks(const MatrixOrder& order) {
  constexpr Size kMost = 32;
  const Size longer = order.rows > order.columns() ? order.rows : order.columns(), blocks = pieces(longer, kThreads);
  return blocks < 1 ? 1 : blocks > kMost ? kMost : blocks;
}

// What was found, where the caller wants it. `source` is that of both vectors.
template <class T>
__global__ void __launch_bounds__(kThreads) store_kernel(Group<T> group, Source source, T eps) {
  __shared__ T scratch[kWarp];
  const Weight<T>& w = group.weight_of(blockIdx.x);
  const Vector<T> u = w.vector_in(group.memory, Side::u), v = w.vector_in(group.memory, Side::v);
  const bool given = source == Source::given;
  const T u_norm = given ? T(1) : norm_of(u, eps, scratch), v_norm = given ? T(1) : norm_of(v, eps, scratch);
  // u' W v; where u was found it is W v over its norm.
  const T sigma = block_total(u.sums, u.sum_count, scratch) / u_norm;
  const bool counts = std::abs(sigma) > eps, kept = sigma > eps;
  const Size block = blockIdx.x - w.first_block, first = block * kThreads + threadIdx.x;
  const Size step = store_blocks(w.order) * kThreads;
  for (Size i = first; i < u.size; i += step) {
    const T value = given ? w.from_u[i] : u.values[i] / u_norm;
    w.u[i] = counts ? value : T(0);
    if (kept && w.to_u) w.to_u[i] = value;
  }
  for (Size i = first; i < v.size; i += step) {
    const T value = given ? w.from_v[i] : v.values[w.order.column(i)] / v_norm;
    w.v[i] = counts ? value : T(0);
    if (kept && w.to_v) w.to_v[i] = value;
  }
  if (first > 0) return;
  *w.divisor = counts ? sigma : T(1);
  if (w.to_sigma) *w.to_sigma = sigma;
}

// The launches for the weights of a group.
template <class T>
class PowerMethodLaunches {
 public:
  PowerMethodLaunches(std::span<const PowerMethod> weights, T eps) : eps_(eps) {
    static_assert(sizeof(Group<T>) + 2 * sizeof(double) <= 4096, "a kernel's arguments");
    std::int64_t elements = 0;
    for (const PowerMethod& p : weights) {
      Weight<T>& w = group_.weights[group_.count++] = weight(p);
      w.scratch = static_cast<Size>(elements / kPack<T>);
      elements += w.scratch_elements();
    }
    check(elements / kPack<T> <= UINT32_MAX, "power_method", "the weights are too large");
    memory_ = Tensor::empty({elements}, {dtype_of<T>(), Device::cuda});
    group_.memory = memory_.mutable_data<T>();
  }

  void find(Side side, Source source) {
    if (const Size blocks = deal([=](const Weight<T>& w) { return w.tiles(side) * w.parts(side).count; }))
      DUEL_LAUNCH((product_kernel<T>), blocks, kThreads, 0, group_, side, source);
    if (const Size blocks = deal([=](const Weight<T>& w) { return w.sum_count(side); }))
      DUEL_LAUNCH((vector_kernel<T>), blocks, kThreads, 0, group_, side, source, eps_);
  }
  void store(Source source) {
    const Size blocks = deal([](const Weight<T>& w) { return store_blocks(w.order); });
    DUEL_LAUNCH((store_kernel<T>), blocks, kThreads, 0, group_, source, eps_);
  }

 private:
  Weight<T> weight(const PowerMethod& p) {
    const auto place = [](const Tensor& t) { return t.defined() ? t.mutable_data<T>() : nullptr; };
    Tensor matrix = p.weight;
    if (!is_dense(matrix, order_of("power_method", matrix))) copies_.push_back(matrix = matrix.row_major());
    return {.matrix = matrix.data<T>(),
            .from_u = p.from_u.data<T>(),
            .from_v = place(p.from_v),
            .u = place(p.u),
            .v = place(p.v),
            .divisor = place(p.divisor),
            .to_u = place(p.to_u),
            .to_v = place(p.to_v),
            .to_sigma = place(p.to_sigma),
            .order = order_of("power_method", matrix),
            .scratch = 0,
            .first_block = 0};
  }

  // Gives each weight its blocks of the next launch; how many there are.
  template <class F>
  Size deal(const F& blocks_of) {
    Size blocks = 0;
    for (Size i = 0; i < group_.count; ++i) {
      group_.weights[i].first_block = blocks;
      blocks += blocks_of(group_.weights[i]);
    }
    return blocks;
  }

  Group<T> group_{};
  T eps_;
  Tensor memory_;
  std::vector<Tensor> copies_;
};

// ---- the gradient ----

// How the blocks share a matrix: `across` side by side have every across-th tile of columns, of a slice of rows.
struct Slices {
  Size across, rows, count;
};

template <class T>
Slices slices_of(const MatrixOrder& order) {
  const Size tiles = pieces(order.outer(), kTileRows);
  const Size across = std::min(pieces(order.inner(), kTileColumns<T>), kMostSums);
  const Size rows = pieces(tiles, std::min(kMostSums / across, tiles)) * kTileRows;
  return {across, rows, pieces(order.outer(), rows)};
}

// A matrix of any strides, read in the order of another.
template <class T>
struct Strided {
  T* data;
  MatrixOrder order;
  Strides strides;
  bool in_packs;

  Strided(const Tensor& t, const MatrixOrder& o)
      : data(t.mutable_data<T>()),
        order(o),
        strides(strides_of(t)),
        in_packs(is_dense(t, o) && o.inner() % kPack<T> == 0 && is_aligned(data, 16)) {}

  __device__ Columns<T> columns(Size first) const {
    return Columns<T>(first, order.inner(), [this](Size i) { return order.inner_offset(i, strides); });
  }
  __device__ T* row(Size i) const { return data + order.outer_offset(i, strides); }
  __device__ void load(Size first, Size end, const Columns<T>& columns, Pack<T, kPack<T>> (&values)[kRows]) const {
    load_rows([this](Size i) -> const T* { return row(i); }, first, end, columns, in_packs, values);
  }
};

// f(first, end, column) for a thread's columns of its block's slice: it has kRows rows at a time from `first` on, which
// are kTileRows apart, below `end`.
template <class T, class F>
__device__ inline void for_each_column(const MatrixOrder& order, const Slices& slices, const F& f) {
  const Size begin = blockIdx.x / slices.across * slices.rows, end = begin + min(order.outer() - begin, slices.rows);
  const Size lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  for (Size tile = blockIdx.x % slices.across; tile < pieces(order.inner(), kTileColumns<T>); tile += slices.across)
    f(begin + warp * kRows, end, tile * kTileColumns<T> + lane * kPack<T>);
}

// Partial sums of <y, dy>.
template <class T>
__global__ void __launch_bounds__(kThreads) along_kernel(Slices slices, Strided<T> y, Strided<T> dy, T* sums) {
  __shared__ T scratch[kWarp];
  T sum = 0;
  for_each_column<T>(y.order, slices, [&](Size first, Size end, Size column) {
    const Columns<T> of_y = y.columns(column), of_dy = dy.columns(column);
    for (Size row = first; row < end; row += kTileRows) {
      Pack<T, kPack<T>> a[kRows], b[kRows];
      y.load(row, end, of_y, a);
      dy.load(row, end, of_dy, b);
      DUEL_UNROLL
      for (Size k = 0; k < kRows; ++k) {
        DUEL_UNROLL
        for (int j = 0; j < kPack<T>; ++j) sum += a[k].v[j] * b[k].v[j];
      }
    }
  });
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// dx = (dy - <y, dy> u v') / divisor
template <class T>
__global__ void __launch_bounds__(kThreads)
    weight_grad_kernel(Slices slices, Strided<T> dy, const T* u, const T* v, const T* divisor, const T* sums,
                       Size count, Strided<T> dx) {
  __shared__ T scratch[kWarp];
  const MatrixOrder& order = dx.order;
  const T factor = 1 / *divisor, share = block_total(sums, count, scratch) * factor;
  const T *const across = order.rows_innermost ? u : v, *const down = order.rows_innermost ? v : u;
  for_each_column<T>(order, slices, [&](Size first, Size end, Size column) {
    const Columns<T> of_dy = dy.columns(column), of_dx = dx.columns(column);
    const auto at = [&](Size i) { return std::int64_t{order.rows_innermost ? i : order.number(i)}; };
    const auto b = load_columns(across, Columns<T>(column, order.inner(), at), false);
    for (Size row = first; row < end; row += kTileRows) {
      Pack<T, kPack<T>> values[kRows];
      dy.load(row, end, of_dy, values);
      DUEL_UNROLL
      for (Size k = 0; k < kRows; ++k) {
        if (row + k >= end) break;
        const T a = share * down[order.rows_innermost ? order.number(row + k) : row + k];
        DUEL_UNROLL
        for (int j = 0; j < kPack<T>; ++j) values[k].v[j] = values[k].v[j] * factor - a * b.v[j];
        store_columns(dx.row(row + k), of_dx, dx.in_packs, values[k]);
      }
    }
  });
}

}  // namespace

void power_method(std::span<const PowerMethod> weights, std::int64_t iterations, double eps) {
  if (weights.empty()) return;
  dispatch_floating("power_method", weights[0].weight.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::size_t first = 0; first < weights.size(); first += kMostWeights) {
      const std::size_t count = std::min<std::size_t>(weights.size() - first, kMostWeights);
      PowerMethodLaunches<T> group(weights.subspan(first, count), static_cast<T>(eps));
      for (std::int64_t i = 0; i < iterations; ++i) {
        group.find(Side::v, i == 0 ? Source::given : Source::found);
        group.find(Side::u, Source::found);
      }
      if (iterations == 0) group.find(Side::u, Source::given);
      group.store(iterations == 0 ? Source::given : Source::found);
    }
  });
}

void spectral_norm_grad(const Tensor& y, const Tensor& dy, const Tensor& u, const Tensor& v, const Tensor& divisor,
                        const Tensor& dx) {
  if (y.numel() == 0) return;
  dispatch_floating("spectral_norm_grad", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const MatrixOrder order = order_of("spectral_norm_grad", y);
    const Slices slices = slices_of<T>(order);
    const Size blocks = slices.across * slices.count;
    const Tensor sums = Tensor::empty({std::int64_t{blocks}}, {y.dtype(), Device::cuda});
    DUEL_LAUNCH((along_kernel<T>), blocks, kThreads, 0, slices, Strided<T>(y, order), Strided<T>(dy, order),
                sums.mutable_data<T>());
    DUEL_LAUNCH((weight_grad_kernel<T>), blocks, kThreads, 0, slices, Strided<T>(dy, order), u.data<T>(), v.data<T>(),
                divisor.data<T>(), sums.data<T>(), blocks, Strided<T>(dx, order));
  });
}

}  // namespace duel::cuda
