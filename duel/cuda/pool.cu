// Max pooling: the largest elements of windows and their places. Neighbouring threads have neighbouring channels.
#include "duel/cuda/kernels.h"
#include "duel/cuda/pictures.cuh"

namespace duel::cuda {
namespace {

// Windows along one axis.
struct Windows {
  std::int64_t in, kernel, stride, padding, dilation;

  /// The positions of output o's window that exist are begin(o), begin(o) + dilation, ... below end(o).
  __device__ std::int64_t begin(std::int64_t o) const {
    const std::int64_t first = o * stride - padding;
    return first < 0 ? first + (-first + dilation - 1) / dilation * dilation : first;
  }
  __device__ std::int64_t end(std::int64_t o) const {
    return min(in, o * stride - padding + (kernel - 1) * dilation + 1);
  }
};

template <class T>
__global__ void max_pool_kernel(PictureUnits units, Windows rows, Windows columns, const T* x, T* y,
                                std::int64_t* index) {
  using C = compute_t<T>;
  for (auto i = static_cast<std::uint32_t>(thread_index()); i < units.count; i += gridDim.x * blockDim.x) {
    const PictureUnit at = units.at(i);
    const std::int64_t channels = units.units.value;
    const T* const picture = x + at.n * rows.in * columns.in * channels + at.unit;
    const std::int64_t first = columns.begin(at.w), end = columns.end(at.w), bottom = rows.end(at.h);
    std::int64_t place = rows.begin(at.h) * columns.in + first;
    C best = picture[place * channels];
    for (std::int64_t h = rows.begin(at.h); h < bottom; h += rows.dilation)
      for (std::int64_t w = first; w < end; w += columns.dilation) {
        const std::int64_t here = h * columns.in + w;
        const C v = picture[here * channels];
        if (v <= best || best != best) continue;  // what is left is larger, or the first NaN
        best = v;
        place = here;
      }
    y[i] = static_cast<T>(best);
    index[i] = place;
  }
}

}  // namespace

void max_pool2d(const Tensor& x, const Tensor& y, const Tensor& index, Size2 kernel, const Conv2dGeometry& g) {
  if (y.numel() == 0) return;
  dispatch_computed("max_pool2d", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Windows rows{x.size(2), kernel.h, g.stride.h, g.padding.h, g.dilation.h};
    const Windows columns{x.size(3), kernel.w, g.stride.w, g.padding.w, g.dilation.w};
    for_each_run_of_pictures("max_pool2d", y, 1, [&](const PictureUnits& units, std::int64_t n) {
      DUEL_LAUNCH((max_pool_kernel<T>), blocks_for(units.count), kThreads, 0, units, rows, columns,
                  x.data<T>() + n * picture_size(x), y.mutable_data<T>() + n * picture_size(y),
                  index.mutable_data<std::int64_t>() + n * picture_size(y));
    });
  });
}

}  // namespace duel::cuda
