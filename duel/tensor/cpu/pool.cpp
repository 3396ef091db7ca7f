// Max pooling: the largest elements of windows and their places. The inner loops run along channels.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "duel/tensor/cpu/resample.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

// The positions of one output's window that exist along one axis: first, first + step, ... below end.
struct Window {
  std::int64_t first, end;

  Window(std::int64_t o, std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
         std::int64_t dilation)
      : first(o * stride - padding), end(std::min(in, first + (kernel - 1) * dilation + 1)) {
    if (first < 0) first += ceil_div(-first, dilation) * dilation;
  }
};

// Indices as wide as the data, so that the loop below can be vectorised.
template <class T>
using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

// Takes in one pixel: v where it is larger, or the first NaN.
template <class T>
void take_larger(const T* v, Index<T> place, std::int64_t channels, T* best, Index<T>* places) {
  DUEL_INDEPENDENT
  for (std::int64_t c = 0; c < channels; ++c) {
    const bool larger = !(v[c] <= best[c]) & (best[c] == best[c]);
    best[c] = larger ? v[c] : best[c];
    places[c] = larger ? place : places[c];
  }
}

}  // namespace

void max_pool2d(const Tensor& x, const Tensor& y, const Tensor& index, Size2 kernel, const Conv2dGeometry& g) {
  if (y.numel() == 0) return;
  dispatch_floating("max_pool2d", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const std::int64_t channels = x.size(1), height = x.size(2), width = x.size(3);
    const std::int64_t out_height = y.size(2), out_width = y.size(3);
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    std::int64_t* pi = index.mutable_data<std::int64_t>();
    // A window may be far larger than the picture.
    const std::int64_t window = std::min(kernel.h, height) * std::min(kernel.w, width);
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (channels * window));
    parallel_for(y.size(0) * out_height * out_width, grain, [&](std::int64_t begin, std::int64_t end) {
      std::vector<Index<T>> places(static_cast<std::size_t>(channels));
      for (std::int64_t i = begin; i < end; ++i) {
        const T* picture = px + i / (out_height * out_width) * height * width * channels;
        const Window h(i / out_width % out_height, height, kernel.h, g.stride.h, g.padding.h, g.dilation.h);
        const Window w(i % out_width, width, kernel.w, g.stride.w, g.padding.w, g.dilation.w);
        T* best = py + i * channels;
        std::copy_n(picture + (h.first * width + w.first) * channels, channels, best);
        std::fill(places.begin(), places.end(), static_cast<Index<T>>(h.first * width + w.first));
        for (std::int64_t ih = h.first; ih < h.end; ih += g.dilation.h)
          for (std::int64_t iw = w.first; iw < w.end; iw += g.dilation.w) {
            const std::int64_t place = ih * width + iw;
            take_larger(picture + place * channels, static_cast<Index<T>>(place), channels, best, places.data());
          }
        std::copy(places.begin(), places.end(), pi + i * channels);
      }
    });
  });
}

}  // namespace duel::cpu
