// Bilinear look-up at the places of a grid, and its transpose.
#include <algorithm>

#include "duel/tensor/cpu/resample.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"
#include "duel/tensor/grid_place.h"

namespace duel::cpu {
namespace {

// Those of the four pixels around a grid point that exist: where in the picture, and their weights.
template <class T>
struct Corners {
  int count = 0;
  std::int64_t at[4];
  T weight[4];

  Corners(const T* point, std::int64_t height, std::int64_t width, std::int64_t channels, PadMode outside) {
    const GridPlace w = grid_place(point[0], width, outside), h = grid_place(point[1], height, outside);
    for (std::int64_t i = 0; i < 2; ++i)
      for (std::int64_t j = 0; j < 2; ++j) {
        const std::int64_t ih = h.first + i, iw = w.first + j;
        if (ih < 0 || ih >= height || iw < 0 || iw >= width) continue;
        at[count] = (ih * width + iw) * channels;
        weight[count++] = static_cast<T>((i ? h.part : 1 - h.part) * (j ? w.part : 1 - w.part));
      }
  }
};

}  // namespace

void grid_sample(const Tensor& x, const Tensor& grid, const Tensor& y, PadMode outside) {
  if (y.numel() == 0) return;
  dispatch_floating("grid_sample", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const std::int64_t channels = x.size(1), height = x.size(2), width = x.size(3), points = y.size(2) * y.size(3);
    const T *px = x.data<T>(), *pg = grid.data<T>();
    T* py = y.mutable_data<T>();
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (4 * channels));
    parallel_for(x.size(0) * points, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T* picture = px + i / points * height * width * channels;
        T* out = py + i * channels;
        const Corners<T> k(pg + 2 * i, height, width, channels, outside);
        if (k.count == 4) {  // nearly always
          const T *p0 = picture + k.at[0], *p1 = picture + k.at[1], *p2 = picture + k.at[2], *p3 = picture + k.at[3];
          DUEL_INDEPENDENT
          for (std::int64_t c = 0; c < channels; ++c)
            out[c] = k.weight[0] * p0[c] + k.weight[1] * p1[c] + k.weight[2] * p2[c] + k.weight[3] * p3[c];
          continue;
        }
        std::fill_n(out, channels, T(0));
        for (int j = 0; j < k.count; ++j)
          for (std::int64_t c = 0; c < channels; ++c) out[c] += k.weight[j] * picture[k.at[j] + c];
      }
    });
  });
}

void grid_sample_input_grad(const Tensor& dy, const Tensor& grid, const Tensor& dx, PadMode outside) {
  if (dx.numel() == 0) return;
  dispatch_floating("grid_sample_input_grad", dy.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const std::int64_t channels = dx.size(1), height = dx.size(2), width = dx.size(3), points = dy.size(2) * dy.size(3);
    const T *pd = dy.data<T>(), *pg = grid.data<T>();
    T* px = dx.mutable_data<T>();
    // Points may meet in a pixel, so a picture is one piece of work.
    parallel_for(dx.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        T* picture = px + n * height * width * channels;
        std::fill_n(picture, height * width * channels, T(0));
        for (std::int64_t i = n * points; i < (n + 1) * points; ++i) {
          const Corners<T> k(pg + 2 * i, height, width, channels, outside);
          for (int j = 0; j < k.count; ++j) {
            DUEL_INDEPENDENT
            for (std::int64_t c = 0; c < channels; ++c) picture[k.at[j] + c] += k.weight[j] * pd[i * channels + c];
          }
        }
      }
    });
  });
}

}  // namespace duel::cpu
