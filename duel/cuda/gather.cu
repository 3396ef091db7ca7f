// Look-up along one dimension and its transpose. One index for each element (gather, scatter_add) is the general case;
// one for all that lies beside it (index_select, index_add) is the same with an index that repeats with stride 0.
#include "duel/cuda/kernels.h"
#include "duel/cuda/strided.cuh"

namespace duel::cuda {
namespace {

// Dimension d of the tensor that indices point into: its size, and how far apart its elements are.
struct Table {
  std::int64_t size, stride;
};

// Where a kernel says that an index was out of range.
struct Report {
  std::uint32_t* word;
  std::uint32_t fault;

  explicit Report(Fault f) : word(fault_word()), fault(static_cast<std::uint32_t>(f)) {}
  __device__ void operator()() const { *word = fault; }
};

// y, index and x in units of V elements; all of a unit have one index. x stays where it is along the table's dimension.
template <class T, int V>
__global__ void gather_kernel(Walk<3> walk, Table table, Report report, T* y, const std::int64_t* index, const T* x) {
  for (auto i = static_cast<std::uint32_t>(thread_index()); i < walk.count; i += gridDim.x * blockDim.x) {
    const auto at = walk.offsets(i);
    const std::int64_t which = index[at.v[1]];
    Pack<T, V> unit{};
    if (which >= 0 && which < table.size)
      unit = *reinterpret_cast<const Pack<T, V>*>(x + at.v[2] + which * table.stride);
    else
      report();
    *reinterpret_cast<Pack<T, V>*>(y + at.v[0]) = unit;
  }
}

template <class T>
void gather_elements(Fault fault, const Tensor& x, const Tensor& index, const Shape& index_strides, const Tensor& y,
                     int d) {
  const Table table{x.size(d), x.strides()[d]};
  Shape fixed = x.strides();
  fixed[d] = 0;
  const auto whole = merged_dims<3>(y.shape(), {y.strides(), index_strides, fixed});
  for_each_part(whole, [&](const MergedDims<3>& m, const auto& base) {
    T* const py = y.mutable_data<T>() + base[0];
    const std::int64_t* const pi = index.data<std::int64_t>() + base[1];
    const T* const px = x.data<T>() + base[2];
    constexpr int kWide = kPack<T>;
    const bool wide = m.inner_stride(1) == 0 && m.inner_size() % kWide == 0 && table.stride % kWide == 0 &&
                      packs_fit(m, 0, py, kWide) && packs_fit(m, 2, px, kWide);
    const Walk<3> walk(m, wide ? kWide : 1);
    if (wide)
      DUEL_LAUNCH((gather_kernel<T, kWide>), blocks_for(walk.count), kThreads, 0, walk, table, Report(fault), py, pi,
                  px);
    else
      DUEL_LAUNCH((gather_kernel<T, 1>), blocks_for(walk.count), kThreads, 0, walk, table, Report(fault), py, pi, px);
  });
}

// What is added along a line: `count` elements of g and their indices, so far apart.
struct Terms {
  std::int64_t count, g, index;
};

// A thread has a range of a line of y, all along the table's dimension: it looks at the indices of the line in their
// order and adds what falls into its range. So the sums have one order, and no two threads write to one place.
template <class T>
__global__ void scatter_kernel(Walk<3> lines, std::int64_t ranges, std::int64_t range, Table table, Terms terms,
                               Report report, compute_t<T>* y, const std::int64_t* index, const T* g) {
  constexpr int kAhead = 8;  // indices on their way at a time
  for (std::int64_t t = thread_index(); t < ranges * lines.count; t += thread_count()) {
    const std::int64_t first = t / lines.count * range, end = min(first + range, table.size);
    const auto at = lines.offsets(static_cast<std::uint32_t>(t % lines.count));
    for (std::int64_t i = 0; i < terms.count; i += kAhead) {
      std::int64_t to[kAhead];
      DUEL_UNROLL
      for (int j = 0; j < kAhead; ++j)
        to[j] = i + j < terms.count ? index[at.v[1] + (i + j) * terms.index] : table.size;
      DUEL_UNROLL
      for (int j = 0; j < kAhead; ++j) {
        if (to[j] >= first && to[j] < end)
          y[at.v[0] + to[j] * table.stride] += static_cast<compute_t<T>>(g[at.v[2] + (i + j) * terms.g]);
        else if (i + j < terms.count && (to[j] < 0 || to[j] >= table.size))
          report();
      }
    }
  }
}

template <class T>
void scatter_lines(Fault fault, const Tensor& g, const Tensor& index, const Shape& index_strides, const Tensor& y,
                   int d) {
  const Table table{y.size(d), y.strides()[d]};
  const Terms terms{g.size(d), g.strides()[d], index_strides[d]};
  Shape beside = g.shape();
  beside[d] = 1;
  const auto whole = merged_dims<3>(beside, {y.strides(), index_strides, g.strides()});
  for_each_part(whole, [&](const MergedDims<3>& m, const auto& base) {
    constexpr std::int64_t kEnoughThreads = 65536;
    const Walk<3> lines(m);
    const std::int64_t wanted = std::max<std::int64_t>(1, kEnoughThreads / lines.count);
    const std::int64_t range = std::max<std::int64_t>(1, ceil_div(table.size, wanted));
    const std::int64_t ranges = std::max<std::int64_t>(1, ceil_div(table.size, range));
    DUEL_LAUNCH((scatter_kernel<T>), blocks_for(ranges * lines.count), kThreads, 0, lines, ranges, range, table, terms,
                Report(fault), y.mutable_data<compute_t<T>>() + base[0], index.data<std::int64_t>() + base[1],
                g.data<T>() + base[2]);
  });
}

// An index for each place along dimension d, the same for all that lies beside it.
Shape spread(const Tensor& index, int dims, int d) {
  Shape strides = Shape::filled(dims, 0);
  strides[d] = index.strides()[0];
  return strides;
}

void gather_any(Fault fault, const Tensor& x, const Tensor& index, const Shape& index_strides, const Tensor& y, int d) {
  if (y.numel() == 0) return;
  dispatch(y.dtype(),
           [&](auto tag) { gather_elements<typename decltype(tag)::type>(fault, x, index, index_strides, y, d); });
}

void scatter_any(const char* operation, Fault fault, const Tensor& g, const Tensor& index, const Shape& index_strides,
                 const Tensor& y, int d) {
  if (g.numel() == 0) return;
  dispatch_computed(operation, y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, compute_t<T>>) {
      scatter_lines<T>(fault, g, index, index_strides, y, d);
    } else {  // so that each sum is rounded once
      const Tensor wide = y.to(dtype_of<compute_t<T>>());
      scatter_lines<T>(fault, g, index, index_strides, wide, d);
      copy(wide, y);
    }
  });
}

}  // namespace

void index_select(const Tensor& x, const Tensor& index, const Tensor& y, int d) {
  gather_any(Fault::index_select, x, index, spread(index, y.dim(), d), y, d);
}

void gather(const Tensor& x, const Tensor& index, const Tensor& y, int d) {
  gather_any(Fault::gather, x, index, index.strides(), y, d);
}

void index_add(const Tensor& g, const Tensor& index, const Tensor& y, int d) {
  scatter_any("index_add", Fault::index_add, g, index, spread(index, g.dim(), d), y, d);
}

void scatter_add(const Tensor& g, const Tensor& index, const Tensor& y, int d) {
  scatter_any("scatter_add", Fault::scatter_add, g, index, index.strides(), y, d);
}

}  // namespace duel::cuda
