// Copies between strides, dtypes, and host and device; and constants.
#include <cstring>
#include <utility>

#include "duel/cuda/kernels.h"
#include "duel/cuda/map.cuh"
#include "duel/cuda/upload.h"
#include "duel/tensor/convert.h"

namespace duel::cuda {
namespace {

template <class To, class From>
struct Convert {
  DUEL_HD To operator()(From v) const { return convert<To>(v); }
};

constexpr int kTile = 32;

// A matrix with unit step along the columns in dst and along the rows in src, for each element of `outer`; tiles pass
// through shared memory, so that both sides are accessed side by side.
struct Matrices {
  Walk<2> outer;
  std::uint32_t rows, cols;
  std::int32_t dst_row_step, src_col_step;
  Divisor row_tiles, col_tiles;
};

template <class To, class From>
__global__ void transpose_kernel(Matrices m, const From* src, To* dst) {
  __shared__ From tile[kTile][kTile + 1];
  const std::uint32_t above = m.col_tiles.quotient(blockIdx.x), outer = m.row_tiles.quotient(above);
  const std::uint32_t col = (blockIdx.x - above * m.col_tiles.value) * kTile;
  const std::uint32_t row = (above - outer * m.row_tiles.value) * kTile;
  const std::uint32_t x = threadIdx.x % kTile, y = threadIdx.x / kTile;
  const auto at = m.outer.offsets(outer);
  DUEL_UNROLL
  for (std::uint32_t i = y; i < kTile; i += kThreads / kTile)
    if (row + x < m.rows && col + i < m.cols)
      tile[i][x] =
          src[at.v[1] + static_cast<std::int32_t>(row + x) + static_cast<std::int32_t>(col + i) * m.src_col_step];
  __syncthreads();
  DUEL_UNROLL
  for (std::uint32_t i = y; i < kTile; i += kThreads / kTile)
    if (row + i < m.rows && col + x < m.cols)
      dst[at.v[0] + static_cast<std::int32_t>(row + i) * m.dst_row_step + static_cast<std::int32_t>(col + x)] =
          convert<To>(tile[x][i]);
}

// The dimension along which src runs at unit step while dst runs at unit step along the innermost, if both are long
// enough for tiles; else -1. Tensor 0 is dst, 1 is src.
int transposed_dim(const MergedDims<2>& m) {
  constexpr std::int64_t kWorthwhile = 8;
  if (m.inner_stride(0) != 1 || m.inner_stride(1) <= 1 || m.inner_size() < kWorthwhile) return -1;
  for (int d = 0; d < m.dims - 1; ++d) {
    const auto at = static_cast<std::size_t>(d);
    if (m.stride[at][1] == 1 && m.size[at] >= kWorthwhile) return d;
  }
  return -1;
}

// The dimensions but for rows and columns; one element if there are no others.
MergedDims<2> without(const MergedDims<2>& m, int row_dim) {
  MergedDims<2> outer;
  for (int d = 0; d < m.dims - 1; ++d) {
    if (d == row_dim) continue;
    const auto to = static_cast<std::size_t>(outer.dims++), from = static_cast<std::size_t>(d);
    outer.size[to] = m.size[from];
    outer.stride[to] = m.stride[from];
  }
  if (outer.dims == 0) outer.size[static_cast<std::size_t>(outer.dims++)] = 1;
  return outer;
}

template <class To, class From>
void copy_transposed(const MergedDims<2>& m, int row_dim, const From* src, To* dst) {
  const auto row = static_cast<std::size_t>(row_dim);
  const std::int64_t rows = m.size[row], cols = m.inner_size();
  const std::int64_t row_tiles = ceil_div(rows, kTile), col_tiles = ceil_div(cols, kTile);
  const Matrices matrices{.outer = Walk<2>(without(m, row_dim)),
                          .rows = static_cast<std::uint32_t>(rows),
                          .cols = static_cast<std::uint32_t>(cols),
                          .dst_row_step = static_cast<std::int32_t>(m.stride[row][0]),
                          .src_col_step = static_cast<std::int32_t>(m.inner_stride(1)),
                          .row_tiles = Divisor(row_tiles),
                          .col_tiles = Divisor(col_tiles)};
  const auto blocks = static_cast<unsigned>(matrices.outer.count * row_tiles * col_tiles);
  DUEL_LAUNCH((transpose_kernel<To, From>), blocks, kThreads, 0, matrices, src, dst);
}

template <class To, class From>
void copy_elements(const Tensor& src, const Tensor& dst) {
  const auto whole = merged_dims<2>(dst.shape(), {dst.strides(), src.strides()});
  if (transposed_dim(whole) < 0) return map<To, From>(dst, {src}, Convert<To, From>{});
  for_each_part(whole, [&](const MergedDims<2>& m, const auto& base) {
    copy_transposed(m, transposed_dim(whole), src.data<From>() + base[1], dst.mutable_data<To>() + base[0]);
  });
}

void copy_on_device(const Tensor& src, const Tensor& dst) {
  dispatch(dst.dtype(), [&](auto to) {
    dispatch(src.dtype(),
             [&](auto from) { copy_elements<typename decltype(to)::type, typename decltype(from)::type>(src, dst); });
  });
}

std::byte* bytes_of(const Tensor& t) {
  return t.storage()->data() + t.offset() * static_cast<std::int64_t>(size_of(t.dtype()));
}

// Elements that repeat, once.
Tensor without_repeats(const Tensor& t) {
  Shape shape = t.shape();
  for (int i = 0; i < t.dim(); ++i)
    if (t.strides()[i] == 0 && shape[i] > 1) shape[i] = 1;
  return Tensor(t.storage(), shape, t.strides(), t.offset(), t.dtype());
}

// Dense, in the order of `like` if that is dense.
Tensor beside(const Tensor& like, DType dtype, Device device) {
  const auto bytes = static_cast<std::size_t>(like.numel()) * size_of(dtype);
  const Shape strides = like.is_dense() ? like.strides() : dense_strides(like.shape(), Layout::row_major);
  return Tensor(std::make_shared<Storage>(bytes, device), like.shape(), strides, 0, dtype);
}

// Whether the bytes of one are those of the other.
bool lie_alike(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         merged_dims<2>(a.shape(), {a.strides(), b.strides()}).is_run();
}

// What travels from src to dst: src's elements, each once and side by side, in the smaller of the two dtypes; on src's
// device, copied by `copy` if src itself does not lie so.
template <class Copy>
Tensor cargo_of(const Tensor& src, const Tensor& dst, const Copy& copy) {
  const Tensor once = without_repeats(src);
  const DType dtype = size_of(src.dtype()) <= size_of(dst.dtype()) ? src.dtype() : dst.dtype();
  if (once.dtype() == dtype && once.is_dense()) return once;
  const Tensor cargo = beside(once.shape() == dst.shape() && dst.is_dense() ? dst : once, dtype, src.device());
  copy(once, cargo);
  return cargo;
}

// Between the host and the device: the cargo goes into dst itself if it lies so, else into memory beside it.
template <class CopyThere, class CopyHere>
void carry(const Tensor& src, const Tensor& dst, cudaMemcpyKind kind, const CopyThere& copy_there,
           const CopyHere& copy_here) {
  expect_no_capture("copy");
  const Tensor cargo = cargo_of(src, dst, copy_there);
  const bool direct = lie_alike(cargo, dst);
  const Tensor arrived = direct ? dst : beside(cargo, cargo.dtype(), dst.device());
  const std::size_t bytes = static_cast<std::size_t>(cargo.numel()) * size_of(cargo.dtype());
  if (kind == cudaMemcpyHostToDevice) {
    upload(bytes_of(arrived), bytes_of(cargo), bytes);
  } else {
    DUEL_CUDA_CHECK(cudaMemcpyAsync(bytes_of(arrived), bytes_of(cargo), bytes, kind, stream()));
    synchronize();
  }
  if (!direct) copy_here(arrived.expand(dst.shape()), dst);
}

template <class T>
__global__ void fill_kernel(Walk<1> walk, T v, T* y) {
  for (auto i = static_cast<std::uint32_t>(thread_index()); i < walk.count; i += gridDim.x * blockDim.x)
    y[walk.offsets(i).v[0]] = v;
}

// The same value side by side: words of 16 bytes, and what is left over.
template <class T>
__global__ void fill_run_kernel(std::int64_t n, T v, T* y) {
  Pack<T, kPack<T>> pack;
  DUEL_UNROLL
  for (int j = 0; j < kPack<T>; ++j) pack.v[j] = v;
  const std::int64_t whole = n / kPack<T>;
  for (std::int64_t i = thread_index(); i < whole; i += thread_count())
    reinterpret_cast<Pack<T, kPack<T>>*>(y)[i] = pack;
  const std::int64_t rest = whole * kPack<T> + thread_index();
  if (rest < n) y[rest] = v;
}

template <class T>
void fill_with(const Tensor& dst, T v) {
  const auto whole = merged_dims<1>(dst.shape(), {dst.strides()});
  T* const y = dst.mutable_data<T>();
  if (whole.is_run() && is_aligned(y, 16)) {
    const unsigned blocks = blocks_for(dst.numel(), kThreads, kPack<T>);
    DUEL_LAUNCH((fill_run_kernel<T>), blocks, kThreads, 0, dst.numel(), v, y);
    return;
  }
  for_each_part(whole, [&](const MergedDims<1>& m, const auto& base) {
    DUEL_LAUNCH((fill_kernel<T>), blocks_for(m.numel()), kThreads, 0, Walk<1>(m), v, y + base[0]);
  });
}

}  // namespace

void copy(const Tensor& src, const Tensor& dst) {
  if (dst.numel() == 0) return;
  const auto on_host = [](const Tensor& from, const Tensor& to) { backend(Device::cpu).copy(from, to); };
  if (src.device() == dst.device())
    src.device() == Device::cuda ? copy_on_device(src, dst) : on_host(src, dst);
  else if (dst.device() == Device::cuda)
    carry(src, dst, cudaMemcpyHostToDevice, on_host, copy_on_device);
  else
    carry(src, dst, cudaMemcpyDeviceToHost, copy_on_device, on_host);
}

void fill(const Tensor& dst, double value) {
  if (dst.numel() == 0) return;
  dispatch(dst.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    fill_with(dst, convert<T>(value));
  });
}

}  // namespace duel::cuda
