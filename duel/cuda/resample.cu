// Resampling by sparse matrices over rows and columns, both at once: a thread makes some channels of an output pixel
// from the input pixels that the two matrices name.
#include "duel/cuda/kernels.h"
#include "duel/cuda/pictures.cuh"
#include "duel/cuda/taps_cache.h"

namespace duel::cuda {
namespace {

// One axis's matrix: see Taps.
template <class C>
struct Axis {
  const std::int64_t *first, *index;
  const C* weight;

  explicit Axis(const DeviceTaps& t)
      : first(t.first.data<std::int64_t>()), index(t.index.data<std::int64_t>()), weight(t.weight.data<C>()) {}
};

// How many elements apart the input's pictures, rows and pixels are.
struct Steps {
  std::int64_t picture, row, pixel;
};

template <class T, int V>
__global__ void resample_kernel(PictureUnits units, Axis<compute_t<T>> rows, Axis<compute_t<T>> columns, Steps step,
                                const T* x, T* y) {
  using C = compute_t<T>;
  for (auto i = static_cast<std::uint32_t>(thread_index()); i < units.count; i += gridDim.x * blockDim.x) {
    const PictureUnit at = units.at(i);
    const T* const picture = x + at.n * step.picture + std::int64_t{at.unit} * V;
    const std::int64_t first = columns.first[at.w], end = columns.first[at.w + 1];
    C sum[V] = {};
    for (std::int64_t r = rows.first[at.h]; r < rows.first[at.h + 1]; ++r) {
      const T* const row = picture + rows.index[r] * step.row;
      C row_sum[V] = {};
      for (std::int64_t c = first; c < end; ++c) {
        const auto pixel = *reinterpret_cast<const Pack<T, V>*>(row + columns.index[c] * step.pixel);
        DUEL_UNROLL
        for (int j = 0; j < V; ++j) row_sum[j] += columns.weight[c] * static_cast<C>(pixel.v[j]);
      }
      DUEL_UNROLL
      for (int j = 0; j < V; ++j) sum[j] += rows.weight[r] * row_sum[j];
    }
    Pack<T, V> out;
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) out.v[j] = static_cast<T>(sum[j]);
    *reinterpret_cast<Pack<T, V>*>(y + std::int64_t{i} * V) = out;
  }
}

template <class T, int V>
void resample(const Tensor& x, const DeviceTaps& h, const DeviceTaps& w, const Tensor& y) {
  using C = compute_t<T>;
  const Steps step{picture_size(x), x.size(3) * x.size(1), x.size(1)};
  for_each_run_of_pictures("resample2d", y, V, [&](const PictureUnits& units, std::int64_t n) {
    DUEL_LAUNCH((resample_kernel<T, V>), blocks_for(units.count), kThreads, 0, units, Axis<C>(h), Axis<C>(w), step,
                x.data<T>() + n * step.picture, y.mutable_data<T>() + n * picture_size(y));
  });
}

}  // namespace

void resample2d(const Tensor& x, const Taps& h, const Taps& w, const Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_computed("resample2d", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const DType weight = dtype_of<compute_t<T>>();
    const DeviceTaps rows = device_taps(h, weight), columns = device_taps(w, weight);
    constexpr int kWide = kPack<T>;
    if (x.size(1) % kWide == 0 && is_aligned(x.data<T>(), 16) && is_aligned(y.data<T>(), 16))
      resample<T, kWide>(x, rows, columns, y);
    else
      resample<T, 1>(x, rows, columns, y);
  });
}

}  // namespace duel::cuda
