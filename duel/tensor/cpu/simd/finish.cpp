// The end of a convolution's pass over its results, bias and leaky ReLU, and the gradient of that.
#include "duel/tensor/cpu/simd/loops.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {
namespace {

struct Same {
  template <class T>
  static T apply(T x, T, T) {
    return x;
  }
};

template <class F, class T>
void rows_of(T* const* y, std::int64_t m, std::int64_t n, const T* bias, T slope) {
  for (std::int64_t i = 0; i < m; ++i) {
    T* row = y[i];
    if (bias) {
      DUEL_INDEPENDENT
      for (std::int64_t j = 0; j < n; ++j) row[j] = F::apply(row[j] + bias[j], slope, T(0));
    } else {
      DUEL_INDEPENDENT
      for (std::int64_t j = 0; j < n; ++j) row[j] = F::apply(row[j], slope, T(0));
    }
  }
}

template <class T>
void rows(T* const* y, std::int64_t m, std::int64_t n, const T* bias, T slope) {
  if (slope == 1)
    rows_of<Same>(y, m, n, bias, slope);
  else if (slope == 0)
    rows_of<functors::relu>(y, m, n, bias, slope);
  else
    rows_of<functors::leaky_relu>(y, m, n, bias, slope);
}

template <class F, class T>
void grad_of(const T* y, const T* dy, T* dx, std::int64_t n, std::int64_t period, T slope, double* sum) {
  // Four periods at a time, so that the sums are read and written a quarter as often.
  for (; n >= 4 * period; n -= 4 * period, y += 4 * period, dy += 4 * period, dx += 4 * period) {
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < period; ++c) {
      const std::int64_t c1 = c + period, c2 = c1 + period, c3 = c2 + period;
      const T g0 = F::apply(dy[c], y[c], slope, T(0)), g1 = F::apply(dy[c1], y[c1], slope, T(0));
      const T g2 = F::apply(dy[c2], y[c2], slope, T(0)), g3 = F::apply(dy[c3], y[c3], slope, T(0));
      dx[c] = g0;
      dx[c1] = g1;
      dx[c2] = g2;
      dx[c3] = g3;
      sum[c] += (double(g0) + double(g1)) + (double(g2) + double(g3));
    }
  }
  for (; n > 0; n -= period, y += period, dy += period, dx += period) {
    const std::int64_t m = n < period ? n : period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < m; ++c) {
      dx[c] = F::apply(dy[c], y[c], slope, T(0));
      sum[c] += dx[c];
    }
  }
}

template <class T>
void grad(const T* y, const T* dy, T* dx, std::int64_t n, std::int64_t period, T slope, double* sum) {
  (slope == 0 ? grad_of<functors::relu_grad, T> : grad_of<functors::leaky_relu_grad, T>)(y, dy, dx, n, period, slope,
                                                                                         sum);
}

}  // namespace

template <class T>
FinishLoops<T> finish_loops() {
  return {rows<T>, grad<T>};
}

template FinishLoops<float> finish_loops();
template FinishLoops<double> finish_loops();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
