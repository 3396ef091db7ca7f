// Loops of normalisation over channels-last data.
#include "duel/tensor/cpu/simd/loops.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {

// Sums are taken in double, of four elements at a time: they are converted, and sums read and written, a quarter as
// often.
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

// Whether a normalisation rectifies: the loops of those that do not have nothing to look at.
enum class Rectified : std::uint8_t { no, yes };

template <Rectified rectified, class T>
inline T rectify(T value, T z, T slope) {
  return rectified == Rectified::no || z > 0 ? value : slope * value;
}

// Always the same roundings, so that forward and backward see z on the same side of 0.
template <Rectified rectified, class T>
inline T incoming(T centred, T dy, T scale, T bias, T slope) {
  return rectify<rectified>(dy, centred * scale + bias, slope);
}

template <Rectified rectified, class T>
void normalize_as(const T* x, T* y, std::int64_t n, std::int64_t period, const Normalization<T>& f) {
  const auto [mean, scale, bias, slope] = f;
  for (; n > 0; n -= period, x += period, y += period) {
    const std::int64_t m = n < period ? n : period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < m; ++c) {
      const T z = (x[c] - mean[c]) * scale[c] + bias[c];
      y[c] = rectify<rectified>(z, z, slope);
    }
  }
}

template <Rectified rectified, class T>
void grad_sums_as(const T* x, const T* dy, std::int64_t n, std::int64_t period, const Normalization<T>& f, double* sum,
                  double* product) {
  const auto [mean, scale, bias, slope] = f;
  for (; n >= 4 * period; n -= 4 * period, x += 4 * period, dy += 4 * period) {
    const T *x1 = x + period, *x2 = x1 + period, *x3 = x2 + period;
    const T *dy1 = dy + period, *dy2 = dy1 + period, *dy3 = dy2 + period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < period; ++c) {
      const T m = mean[c], s = scale[c], b = bias[c];
      const T d0 = x[c] - m, d1 = x1[c] - m, d2 = x2[c] - m, d3 = x3[c] - m;
      const double g0 = incoming<rectified>(d0, dy[c], s, b, slope), g1 = incoming<rectified>(d1, dy1[c], s, b, slope);
      const double g2 = incoming<rectified>(d2, dy2[c], s, b, slope), g3 = incoming<rectified>(d3, dy3[c], s, b, slope);
      sum[c] += (g0 + g1) + (g2 + g3);
      product[c] += (g0 * d0 + g1 * d1) + (g2 * d2 + g3 * d3);
    }
  }
  for (; n > 0; n -= period, x += period, dy += period) {
    const std::int64_t m = n < period ? n : period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < m; ++c) {
      const T d = x[c] - mean[c];
      const double g = incoming<rectified>(d, dy[c], scale[c], bias[c], slope);
      sum[c] += g;
      product[c] += g * d;
    }
  }
}

template <Rectified rectified, class T>
void grad_as(const T* x, const T* dy, T* dx, std::int64_t n, std::int64_t period, const Normalization<T>& f,
             const T* linear, const T* constant) {
  const auto [mean, scale, bias, slope] = f;
  for (; n > 0; n -= period, x += period, dy += period, dx += period) {
    const std::int64_t m = n < period ? n : period;
    DUEL_INDEPENDENT
    for (std::int64_t c = 0; c < m; ++c) {
      const T d = x[c] - mean[c];
      dx[c] = incoming<rectified>(d, dy[c], scale[c], bias[c], slope) * scale[c] + (d * linear[c] + constant[c]);
    }
  }
}

template <class T>
void normalize(const T* x, T* y, std::int64_t n, std::int64_t period, const Normalization<T>& f) {
  (f.slope == 1 ? normalize_as<Rectified::no, T> : normalize_as<Rectified::yes, T>)(x, y, n, period, f);
}

template <class T>
void grad_sums(const T* x, const T* dy, std::int64_t n, std::int64_t period, const Normalization<T>& f, double* sum,
               double* product) {
  (f.slope == 1 ? grad_sums_as<Rectified::no, T> : grad_sums_as<Rectified::yes, T>)(x, dy, n, period, f, sum, product);
}

template <class T>
void grad(const T* x, const T* dy, T* dx, std::int64_t n, std::int64_t period, const Normalization<T>& f,
          const T* linear, const T* constant) {
  (f.slope == 1 ? grad_as<Rectified::no, T> : grad_as<Rectified::yes, T>)(x, dy, dx, n, period, f, linear, constant);
}

template <class T>
NormLoops<T> norm_loops() {
  return {moments<T>, normalize<T>, grad_sums<T>, grad<T>};
}

template NormLoops<float> norm_loops();
template NormLoops<double> norm_loops();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
