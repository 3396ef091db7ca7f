// Loops of softmax and of attention's tiles.
#include "duel/tensor/cpu/simd/gemm_packet.h"
#include "duel/tensor/cpu/simd/loops.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {
namespace {

namespace packets = Eigen::internal;

template <class T>
constexpr T kInfinity = static_cast<T>(__builtin_huge_val());

template <class T>
T largest(const T* x, std::int64_t n) {
  T m = -kInfinity<T>;
  if (n >= kLanes<T>) {
    Packet<T> top = load(x);
    for (; n >= kLanes<T>; n -= kLanes<T>, x += kLanes<T>) top = packets::pmax<Packet<T>>(top, load(x));
    m = packets::predux_max(top);
  }
  for (; n > 0; --n, ++x) m = *x > m ? *x : m;
  return m;
}

// y = exp(x - shift); returns the sum.
template <class T>
double exponentials(const T* x, std::int64_t n, T shift, T* y) {
  constexpr int kTogether = 32;  // packets summed in T
  const Packet<T> s = broadcast(shift);
  double total = 0;
  while (n >= kLanes<T>) {
    Packet<T> part = broadcast(T(0));
    for (int i = 0; i < kTogether && n >= kLanes<T>; ++i, n -= kLanes<T>, x += kLanes<T>, y += kLanes<T>) {
      const Packet<T> e = exp<T>(packets::psub<Packet<T>>(load(x), s));
      store<T>(y, e);
      part = packets::padd<Packet<T>>(part, e);
    }
    total += sum<T>(part);
  }
  if (n > 0) {
    T rest[kLanes<T>];
    for (std::int64_t i = 0; i < kLanes<T>; ++i) rest[i] = i < n ? x[i] : shift;
    store<T>(rest, exp<T>(packets::psub<Packet<T>>(load(rest), s)));
    for (std::int64_t i = 0; i < n; ++i) total += y[i] = rest[i];
  }
  return total;
}

// A sum in lanes that are folded pairwise at the end.
template <class F>
double sum_of(std::int64_t n, const F& f) {
  constexpr std::int64_t kWide = 16;
  double lane[kWide] = {};
  std::int64_t i = 0;
  for (; i + kWide <= n; i += kWide)
    for (std::int64_t j = 0; j < kWide; ++j) lane[j] += f(i + j);
  for (std::int64_t j = 0; i + j < n; ++j) lane[j] += f(i + j);
  for (std::int64_t half = kWide / 2; half > 0; half /= 2)
    for (std::int64_t j = 0; j < half; ++j) lane[j] += lane[j + half];
  return lane[0];
}

template <class T>
T inner_product(const T* a, const T* b, std::int64_t n) {
  return static_cast<T>(sum_of(n, [&](std::int64_t i) { return double{a[i]} * double{b[i]}; }));
}

template <class T>
void inner_products(const T* a, const T* b, std::int64_t rows, std::int64_t n, T* out) {
  for (; rows > 0; --rows, a += n, b += n) *out++ = inner_product(a, b, n);
}

template <class T>
void softmax(const T* x, T* y, std::int64_t rows, std::int64_t n) {
  for (; rows > 0; --rows, x += n, y += n) {
    const T share = static_cast<T>(1 / exponentials(x, n, largest(x, n), y));
    DUEL_INDEPENDENT
    for (std::int64_t i = 0; i < n; ++i) y[i] *= share;
  }
}

template <class T>
void log_softmax(const T* x, T* y, std::int64_t rows, std::int64_t n) {
  for (; rows > 0; --rows, x += n, y += n) {
    const T shift = largest(x, n), log_sum = static_cast<T>(__builtin_log(exponentials(x, n, shift, y)));
    DUEL_INDEPENDENT
    for (std::int64_t i = 0; i < n; ++i) y[i] = (x[i] - shift) - log_sum;
  }
}

// dx = y (dy - <dy, y>)
template <class T>
void softmax_grad(const T* y, const T* dy, T* dx, std::int64_t rows, std::int64_t n) {
  for (; rows > 0; --rows, y += n, dy += n, dx += n) {
    const T mean = inner_product(y, dy, n);
    DUEL_INDEPENDENT
    for (std::int64_t i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - mean);
  }
}

// dx = dy - exp(y) <dy, 1>
template <class T>
void log_softmax_grad(const T* y, const T* dy, T* dx, std::int64_t rows, std::int64_t n) {
  for (; rows > 0; --rows, y += n, dy += n, dx += n) {
    const T total = static_cast<T>(sum_of(n, [&](std::int64_t i) { return double{dy[i]}; }));
    exponentials(y, n, T(0), dx);
    DUEL_INDEPENDENT
    for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] - dx[i] * total;
  }
}

// s = scale * s, up to a whole packet with what takes no part; returns the largest.
template <class T>
T scale_row(T* s, std::int64_t n, T scale) {
  const std::int64_t whole = n - n % kLanes<T>;
  T m = -kInfinity<T>;
  if (whole > 0) {
    const Packet<T> factor = broadcast(scale);
    Packet<T> top = broadcast(m);
    for (std::int64_t j = 0; j < whole; j += kLanes<T>) {
      const Packet<T> scaled = packets::pmul<Packet<T>>(load(s + j), factor);
      store<T>(s + j, scaled);
      top = packets::pmax<Packet<T>>(top, scaled);
    }
    m = packets::predux_max(top);
  }
  for (std::int64_t j = whole; j < n; ++j) {
    s[j] *= scale;
    m = s[j] > m ? s[j] : m;
  }
  if (whole < n)
    for (std::int64_t j = n; j < whole + kLanes<T>; ++j) s[j] = -kInfinity<T>;
  return m;
}

template <class T>
void attend(T* s, std::int64_t rows, std::int64_t n, std::int64_t stride, T scale, T* max, double* sum, T* correction) {
  const std::int64_t padded = (n + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
  for (std::int64_t i = 0; i < rows; ++i, s += stride) {
    const T found = scale_row(s, n, scale), m = found > max[i] ? found : max[i];
    const T shift = m == -kInfinity<T> ? T(0) : m;  // nothing but -inf so far: p = 0
    correction[i] = __builtin_exp(max[i] - shift);
    sum[i] = sum[i] * correction[i] + exponentials(s, padded, shift, s);
    max[i] = m;
  }
}

template <class T>
void attend_grad(T* s, T* dp, std::int64_t rows, std::int64_t n, std::int64_t stride, T scale, const T* lse,
                 const T* delta) {
  const Packet<T> factor = broadcast(scale);
  for (std::int64_t i = 0; i < rows; ++i, s += stride, dp += stride) {
    const Packet<T> normaliser = broadcast(lse[i]), shift = broadcast(delta[i]);
    for (std::int64_t j = 0; j < n; j += kLanes<T>) {
      const Packet<T> scaled = packets::pmul<Packet<T>>(load(s + j), factor);
      const Packet<T> p = exp<T>(packets::psub<Packet<T>>(scaled, normaliser));
      store<T>(s + j, p);
      store<T>(dp + j, packets::pmul<Packet<T>>(packets::pmul<Packet<T>>(p, factor),
                                                packets::psub<Packet<T>>(load(dp + j), shift)));
    }
  }
}

}  // namespace

template <class T>
SoftmaxLoops<T> softmax_loops() {
  return {softmax<T>,        log_softmax<T>, softmax_grad<T>, log_softmax_grad<T>,
          inner_products<T>, attend<T>,      attend_grad<T>};
}

template SoftmaxLoops<float> softmax_loops();
template SoftmaxLoops<double> softmax_loops();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
