// Reduction loops. All accumulate in double: as fast as memory for float too, and no error to speak of.
#include "duel/tensor/cpu/simd/loops.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {
namespace {

struct Sum {
  static double start() { return 0; }
  static double combine(double acc, double x) { return acc + x; }
};

struct Max {
  static double start() { return -__builtin_huge_val(); }
  // NaN wins, and stays: nothing compares above it.
  static double combine(double acc, double x) { return (x > acc) | (x != x) ? x : acc; }
};

// acc[j] over rows of n consecutive elements. Four rows at a time, so that acc is read and written a quarter as often.
template <class Op, class T>
void over_rows(const T* x, std::int64_t rows, std::int64_t row_step, std::int64_t n, double* acc) {
  for (; rows >= 4; rows -= 4, x += 4 * row_step) {
    const T *x1 = x + row_step, *x2 = x1 + row_step, *x3 = x2 + row_step;
    DUEL_INDEPENDENT
    for (std::int64_t j = 0; j < n; ++j) {
      const double a = Op::combine(x[j], x1[j]), b = Op::combine(x2[j], x3[j]);
      acc[j] = Op::combine(acc[j], Op::combine(a, b));
    }
  }
  for (; rows > 0; --rows, x += row_step) {
    DUEL_INDEPENDENT
    for (std::int64_t j = 0; j < n; ++j) acc[j] = Op::combine(acc[j], x[j]);
  }
}

constexpr std::int64_t kWide = 256;

// The same for rows that follow each other directly and are short: many are taken as one wide row, so that vectors
// fill.
template <class Op, class T>
void over_short_rows(const T* x, std::int64_t rows, std::int64_t n, double* acc) {
  const std::int64_t joined = kWide / n, wide_rows = rows / joined;
  if (wide_rows > 1) {
    double wide[kWide];
    for (std::int64_t j = 0; j < joined * n; ++j) wide[j] = Op::start();
    over_rows<Op>(x, wide_rows, joined * n, joined * n, wide);
    over_rows<Op>(wide, joined, n, n, acc);
    x += wide_rows * joined * n;
    rows -= wide_rows * joined;
  }
  over_rows<Op>(x, rows, n, n, acc);
}

// A run of consecutive elements, in lanes that are folded pairwise at the end.
template <class Op, class T>
double over_run(const T* x, std::int64_t n) {
  constexpr std::int64_t kLanes = 32;
  double lane[kLanes];
  for (std::int64_t j = 0; j < kLanes; ++j) lane[j] = Op::start();
  for (; n >= kLanes; n -= kLanes, x += kLanes)
    for (std::int64_t j = 0; j < kLanes; ++j) lane[j] = Op::combine(lane[j], x[j]);
  for (std::int64_t j = 0; j < n; ++j) lane[j] = Op::combine(lane[j], x[j]);
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
    for (std::int64_t j = 0; j < half; ++j) lane[j] = Op::combine(lane[j], lane[j + half]);
  return lane[0];
}

template <class Op, class T>
void reduce(const T* x, std::int64_t reduced, std::int64_t reduced_step, std::int64_t kept, std::int64_t kept_step,
            double* acc) {
  if (kept_step == 1 && kept > 1) {
    if (reduced_step == kept && kept <= kWide / 2)
      over_short_rows<Op>(x, reduced, kept, acc);
    else
      over_rows<Op>(x, reduced, reduced_step, kept, acc);
  } else if (reduced_step == 1 && reduced >= 8) {
    for (std::int64_t j = 0; j < kept; ++j) acc[j] = Op::combine(acc[j], over_run<Op>(x + j * kept_step, reduced));
  } else {
    for (std::int64_t j = 0; j < kept; ++j)
      for (std::int64_t i = 0; i < reduced; ++i) acc[j] = Op::combine(acc[j], x[i * reduced_step + j * kept_step]);
  }
}

}  // namespace

template <class T>
ReduceLoops<T> reduce_loops() {
  return {reduce<Sum, T>, reduce<Max, T>};
}

template ReduceLoops<float> reduce_loops();
template ReduceLoops<double> reduce_loops();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
