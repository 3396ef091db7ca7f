// Loops of batch normalisation over channels-last data.
#include "duel/tensor/cpu/simd/loops.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {

// Sums are taken in double, four periods at a time so that they are read and written a quarter as often.
template <class T>
void moments(const T* x, std::int64_t n, std::int64_t period, const double* shift, double* sum, double* square) {
  for (; n >= 4 * period; n -= 4 * period, x += 4 * period) {
    const T *x1 = x + period, *x2 = x1 + period, *x3 = x2 + period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < period; ++c) {
      const double d0 = x[c] - shift[c], d1 = x1[c] - shift[c], d2 = x2[c] - shift[c], d3 = x3[c] - shift[c];
      sum[c] += (d0 + d1) + (d2 + d3);
      square[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
    }
  }
  for (; n > 0; n -= period, x += period) {
    const std::int64_t m = n < period ? n : period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < m; ++c) {
      const double d = x[c] - shift[c];
      sum[c] += d;
      square[c] += d * d;
    }
  }
}

template <class T>
void normalize(const T* x, T* y, std::int64_t n, std::int64_t period, const T* mean, const T* scale, const T* bias) {
  for (; n > 0; n -= period, x += period, y += period) {
    const std::int64_t m = n < period ? n : period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < m; ++c) y[c] = (x[c] - mean[c]) * scale[c] + bias[c];
  }
}

template <class T>
void grad_sums(const T* x, const T* dy, std::int64_t n, std::int64_t period, const double* mean, double* sum,
               double* product) {
  for (; n >= 4 * period; n -= 4 * period, x += 4 * period, dy += 4 * period) {
    const T *x1 = x + period, *x2 = x1 + period, *x3 = x2 + period;
    const T *g1 = dy + period, *g2 = g1 + period, *g3 = g2 + period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < period; ++c) {
      const double d0 = dy[c], d1 = g1[c], d2 = g2[c], d3 = g3[c], m = mean[c];
      sum[c] += (d0 + d1) + (d2 + d3);
      product[c] += (d0 * (x[c] - m) + d1 * (x1[c] - m)) + (d2 * (x2[c] - m) + d3 * (x3[c] - m));
    }
  }
  for (; n > 0; n -= period, x += period, dy += period) {
    const std::int64_t m = n < period ? n : period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < m; ++c) {
      sum[c] += dy[c];
      product[c] += dy[c] * (x[c] - mean[c]);
    }
  }
}

template <class T>
void grad(const T* x, const T* dy, T* dx, std::int64_t n, std::int64_t period, const T* mean, const T* scale,
          const T* slope, const T* bias) {
  for (; n > 0; n -= period, x += period, dy += period, dx += period) {
    const std::int64_t m = n < period ? n : period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < m; ++c) dx[c] = dy[c] * scale[c] + ((x[c] - mean[c]) * slope[c] + bias[c]);
  }
}

template <class T>
NormLoops<T> norm_loops() {
  return {moments<T>, normalize<T>, grad_sums<T>, grad<T>};
}

template NormLoops<float> norm_loops();
template NormLoops<double> norm_loops();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
