// Running sums along one dimension, in double whatever the dtype: their error does not grow along a line.
#include "duel/cuda/kernels.h"
#include "duel/cuda/strided.cuh"

namespace duel::cuda {
namespace {

// The elements of a line: how many, and how far apart in y and x.
struct Line {
  std::int64_t size, y_step, x_step;
};

// A thread for each line. lines: y, x.
template <class T>
__global__ void line_by_thread_kernel(Walk<2> lines, Line line, const T* x, T* y) {
  for (auto l = static_cast<std::uint32_t>(thread_index()); l < lines.count; l += gridDim.x * blockDim.x) {
    const auto at = lines.offsets(l);
    double total = 0;
    for (std::int64_t i = 0; i < line.size; ++i) {
      total += static_cast<double>(static_cast<compute_t<T>>(x[at.v[1] + i * line.x_step]));
      y[at.v[0] + i * line.y_step] = T(static_cast<compute_t<T>>(total));
    }
  }
}

// A block for each line: as many elements at a time as it has threads, summed up to each within warps, then across.
template <class T>
__global__ void __launch_bounds__(kThreads) line_by_block_kernel(Walk<2> lines, Line line, const T* x, T* y) {
  __shared__ double of_warp[kThreads / kWarp];
  const auto at = lines.offsets(blockIdx.x);
  const int lane = static_cast<int>(threadIdx.x % kWarp), warp = static_cast<int>(threadIdx.x / kWarp);
  double before = 0;
  for (std::int64_t first = 0; first < line.size; first += kThreads) {
    const std::int64_t i = first + threadIdx.x;
    double v = i < line.size ? static_cast<double>(static_cast<compute_t<T>>(x[at.v[1] + i * line.x_step])) : 0;
    for (int step = 1; step < kWarp; step *= 2) {
      const double left = __shfl_sync(0xffffffffu, v, lane >= step ? lane - step : lane);
      if (lane >= step) v += left;
    }
    if (lane == kWarp - 1) of_warp[warp] = v;
    __syncthreads();
    double total = before;
    for (int w = 0; w < kThreads / kWarp; ++w) {
      if (w == warp) v += total;
      total += of_warp[w];
    }
    before = total;
    __syncthreads();
    if (i < line.size) y[at.v[0] + i * line.y_step] = T(static_cast<compute_t<T>>(v));
  }
}

}  // namespace

void cumsum(const Tensor& x, const Tensor& y, int d) {
  if (y.numel() == 0) return;
  Shape shape = y.shape();
  shape[d] = 1;
  const auto lines = merged_dims<2>(shape, {y.strides(), x.strides()});
  const Line line{y.size(d), y.strides()[d], x.strides()[d]};
  // Threads are best side by side on what is side by side in memory, if there are enough of them.
  constexpr std::int64_t kShort = 64, kManyLines = 4096;
  const bool by_thread = line.size <= kShort || (lines.numel() >= kManyLines && line.x_step > lines.inner_stride(1));
  dispatch_computed("cumsum", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_each_part(lines, [&](const MergedDims<2>& part, const auto& base) {
      const Walk<2> walk(part);
      const T* from = x.data<T>() + base[1];
      T* to = y.mutable_data<T>() + base[0];
      if (by_thread)
        DUEL_LAUNCH((line_by_thread_kernel<T>), blocks_for(walk.count), kThreads, 0, walk, line, from, to);
      else
        DUEL_LAUNCH((line_by_block_kernel<T>), walk.count, kThreads, 0, walk, line, from, to);
    });
  });
}

}  // namespace duel::cuda
