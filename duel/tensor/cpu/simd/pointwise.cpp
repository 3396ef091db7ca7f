// Pointwise loops: each formula of functors.h over rows. The compiler vectorises those of unit step.
#include "duel/tensor/cpu/simd/loops.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {

template <class F, class T>
void unary(const T* x, Step xs, T* y, Step ys, std::int64_t rows, std::int64_t n, T p, T q) {
  for (; rows > 0; --rows, x += xs.row, y += ys.row) {
    if (xs.col == 1 && ys.col == 1) {
      DUEL_INDEPENDENT
      for (std::int64_t i = 0; i < n; ++i) y[i] = F::apply(x[i], p, q);
    } else {
      for (std::int64_t i = 0; i < n; ++i) y[i * ys.col] = F::apply(x[i * xs.col], p, q);
    }
  }
}

template <class F, class T>
void binary(const T* a, Step as, const T* b, Step bs, T* y, Step ys, std::int64_t rows, std::int64_t n, T p, T q) {
  for (; rows > 0; --rows, a += as.row, b += bs.row, y += ys.row) {
    if (as.col == 1 && bs.col == 1 && ys.col == 1) {
      DUEL_INDEPENDENT
      for (std::int64_t i = 0; i < n; ++i) y[i] = F::apply(a[i], b[i], p, q);
    } else if (as.col == 1 && bs.col == 0 && ys.col == 1) {
      const T scalar = *b;
      DUEL_INDEPENDENT
      for (std::int64_t i = 0; i < n; ++i) y[i] = F::apply(a[i], scalar, p, q);
    } else if (as.col == 0 && bs.col == 1 && ys.col == 1) {
      const T scalar = *a;
      DUEL_INDEPENDENT
      for (std::int64_t i = 0; i < n; ++i) y[i] = F::apply(scalar, b[i], p, q);
    } else {
      for (std::int64_t i = 0; i < n; ++i) y[i * ys.col] = F::apply(a[i * as.col], b[i * bs.col], p, q);
    }
  }
}

template <class T>
PointwiseLoops<T> pointwise_loops() {
#define DUEL_LOOP(name) unary<functors::name, T>,
#define DUEL_LOOP2(name) binary<functors::name, T>,
  return {{DUEL_UNARY_OPS(DUEL_LOOP)}, {DUEL_BINARY_OPS(DUEL_LOOP2)}};
#undef DUEL_LOOP
#undef DUEL_LOOP2
}

template PointwiseLoops<float> pointwise_loops();
template PointwiseLoops<double> pointwise_loops();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
