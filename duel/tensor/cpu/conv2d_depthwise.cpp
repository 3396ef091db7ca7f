#include "duel/tensor/cpu/conv2d_depthwise.h"

#include <algorithm>
#include <vector>

#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

/// Factors of inner products along the taps or the pixels, for neighbouring channels at once.
template <class T>
struct Terms {
  std::vector<const T*> a, b;
  void add(const T* x, const T* y) {
    a.push_back(x);
    b.push_back(y);
  }
  void clear() {
    a.clear();
    b.clear();
  }
  void sum(T* out, std::int64_t n, StoreMode mode) const {
    gemm_kernels<T>().multiply_alike(a.data(), b.data(), static_cast<std::int64_t>(a.size()), out, n, mode);
  }
};

/// Row `row` of a picture of a phase; `weights` [taps, C].
template <class T>
void multiply_row(const ImplicitProduct<T>& p, const Phase& phase, const T* weights, std::int64_t image,
                  std::int64_t row, Terms<T>& terms) {
  const std::int64_t channels = p.target.channels;
  for (std::int64_t column = 0; column < phase.columns; ++column) {
    terms.clear();
    const T* w = weights;
    for (const Tap& h : phase.window.h.taps)
      for (const Tap& v : phase.window.w.taps) {
        const std::int64_t i = row * phase.window.h.step + h.offset, j = column * phase.window.w.step + v.offset;
        if (i >= 0 && i < p.source.height && j >= 0 && j < p.source.width)
          terms.add(p.source.data + p.source.offset(image, i, j), w);
        w += channels;
      }
    T* out = p.target.data +
             p.target.offset(image, phase.origin.h + row * phase.step.h, phase.origin.w + column * phase.step.w);
    terms.sum(out, channels, StoreMode::overwrite);
    p.finish(&out, 1, 0, channels);
  }
}

/// The sums of channels [c0, c1) into sums[tap * n], n = c1 - c0.
template <class T>
void add_pixels(const Images<const T>& x, const Images<const T>& dy, const Window& window, std::int64_t c0,
                std::int64_t c1, T* sums) {
  const PixelGrid grid{dy.count, {0, dy.height}, {0, dy.width}};
  const std::int64_t pixels = grid.size();
  Terms<T> terms;
  std::int64_t first = 0;
  do {  // once even without pixels, which makes zeros
    const std::int64_t last = std::min(first + kBlockK, pixels);
    T* out = sums;
    for (const Tap& h : window.h.taps)
      for (const Tap& v : window.w.taps) {
        terms.clear();
        PixelCursor pixel(grid, first);
        for (std::int64_t p = first; p < last; ++p, pixel.next()) {
          const std::int64_t i = pixel.row * window.h.step + h.offset, j = pixel.column * window.w.step + v.offset;
          if (i >= 0 && i < x.height && j >= 0 && j < x.width)
            terms.add(x.data + x.offset(pixel.image, i, j) + c0, dy.data + p * dy.channels + c0);
        }
        terms.sum(out, c1 - c0, first == 0 ? StoreMode::overwrite : StoreMode::accumulate);
        out += c1 - c0;
      }
    first = last;
  } while (first < pixels);
}

}  // namespace

template <class T>
void depthwise_product(const ImplicitProduct<T>& p) {
  const std::int64_t channels = p.target.channels;
  for (const Phase& phase : p.phases) {
    Scratch<T> weights(phase.window.taps() * channels);  // [taps, C]
    T* out = weights.data();
    for (const Tap& h : phase.window.h.taps)
      for (const Tap& v : phase.window.w.taps)
        for (std::int64_t c = 0; c < channels; ++c) *out++ = *p.weights.at(c, h, v);
    const std::int64_t row = phase.columns * channels * std::max<std::int64_t>(phase.window.taps(), 1);
    parallel_for(p.target.count * phase.rows, ceil_div(kGrain, row), [&](std::int64_t begin, std::int64_t end) {
      Terms<T> terms;
      for (std::int64_t r = begin; r < end; ++r)
        multiply_row(p, phase, weights.data(), r / phase.rows, r % phase.rows, terms);
    });
  }
}

template <class T>
void depthwise_weight_grad(const Images<const T>& x, const Images<const T>& dy, const Window& window, T* dw) {
  constexpr std::int64_t kChannels = 64;
  const std::int64_t taps = window.taps();
  parallel_for(x.channels, kChannels, [&](std::int64_t c0, std::int64_t c1) {
    Scratch<T> sums(taps * (c1 - c0));
    add_pixels(x, dy, window, c0, c1, sums.data());
    for (std::int64_t c = c0; c < c1; ++c)
      for (std::int64_t t = 0; t < taps; ++t) dw[c * taps + t] = sums[t * (c1 - c0) + c - c0];
  });
}

template void depthwise_product(const ImplicitProduct<float>&);
template void depthwise_product(const ImplicitProduct<double>&);
template void depthwise_weight_grad(const Images<const float>&, const Images<const float>&, const Window&, float*);
template void depthwise_weight_grad(const Images<const double>&, const Images<const double>&, const Window&, double*);

}  // namespace duel::cpu
