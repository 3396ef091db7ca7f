// The CPU's inner loops: functions on plain pointers, built once per instruction set (isa.h) and reached through
// `loops<T>()`. All counts and steps are in elements. Where an output may be an input it is the very same elements.
#pragma once

#include <cstdint>

#include "duel/tensor/functors.h"

namespace duel::cpu {

/// How far apart rows are, and the elements of a row.
struct Step {
  std::int64_t row, col;
};

/// y = f(x), y = f(a, b) over rows of n elements.
template <class T>
struct PointwiseLoops {
  using Unary = void (*)(const T* x, Step xs, T* y, Step ys, std::int64_t rows, std::int64_t n, T p, T q);
  using Binary = void (*)(const T* a, Step as, const T* b, Step bs, T* y, Step ys, std::int64_t rows, std::int64_t n,
                          T p, T q);
  Unary unary[static_cast<int>(UnaryOp::count)];
  Binary binary[static_cast<int>(BinaryOp::count)];
};

/// acc[j] = acc[j] + or max x[i * reduced_step + j * kept_step] over i < reduced, for j < kept.
template <class T>
struct ReduceLoops {
  using Reduce = void (*)(const T* x, std::int64_t reduced, std::int64_t reduced_step, std::int64_t kept,
                          std::int64_t kept_step, double* acc);
  Reduce sum, amax;
};

/// z = (x - mean) * scale + bias, y = z above 0, else slope * z; arrays of one value per channel.
template <class T>
struct Normalization {
  const T *mean, *scale, *bias;
  T slope;
};

/// Over n consecutive elements whose channels repeat every `period`; other arrays hold one value per channel. In the
/// gradients g is dy where z is above 0, else slope * dy.
template <class T>
struct NormLoops {
  /// sum += x - shift, square += (x - shift)^2
  void (*moments)(const T* x, std::int64_t n, std::int64_t period, const double* shift, double* sum, double* square);
  void (*normalize)(const T* x, T* y, std::int64_t n, std::int64_t period, const Normalization<T>& f);
  /// sum += g, product += g * (x - mean)
  void (*grad_sums)(const T* x, const T* dy, std::int64_t n, std::int64_t period, const Normalization<T>& f,
                    double* sum, double* product);
  /// dx = g * scale + (x - mean) * linear + constant
  void (*grad)(const T* x, const T* dy, T* dx, std::int64_t n, std::int64_t period, const Normalization<T>& f,
               const T* linear, const T* constant);
};

template <class T>
struct FinishLoops {
  /// y[i][j] = leaky ReLU of y[i][j] + bias[j] for i < m, j < n; no bias if null, ReLU for slope 0.
  void (*rows)(T* const* y, std::int64_t m, std::int64_t n, const T* bias, T slope);
  /// dx = dy where y is above 0, else slope * dy, of n consecutive elements; sum[c] += the dx of channel c, the
  /// channels repeating every `period`.
  void (*grad)(const T* y, const T* dy, T* dx, std::int64_t n, std::int64_t period, T slope, double* sum);
};

/// Over rows of n >= 1 consecutive elements. Sums of exponentials are taken in double, a few packets at a time.
template <class T>
struct SoftmaxLoops {
  using Forward = void (*)(const T* x, T* y, std::int64_t rows, std::int64_t n);
  using Gradient = void (*)(const T* y, const T* dy, T* dx, std::int64_t rows, std::int64_t n);
  Forward softmax, log_softmax;
  Gradient softmax_grad, log_softmax_grad;
  /// out[i] = the inner product of rows i
  void (*inner_products)(const T* a, const T* b, std::int64_t rows, std::int64_t n, T* out);

  // A tile of attention's scores s: rows of n, `stride` apart, which holds a whole number of 64-byte lines; what lies
  // between n and the stride is overwritten.
  /// p = exp(scale s - max) in place of s, the running maximum and sum of each row brought up to date before; what was
  /// added up under the old maximum must be multiplied by correction[i].
  void (*attend)(T* s, std::int64_t rows, std::int64_t n, std::int64_t stride, T scale, T* max, double* sum,
                 T* correction);
  /// p = exp(scale s - lse) in place of s, and scale p (dp - delta) in place of dp.
  void (*attend_grad)(T* s, T* dp, std::int64_t rows, std::int64_t n, std::int64_t stride, T scale, const T* lse,
                      const T* delta);
};

/// Element i is made of word i % 4 of Philox block counter + i / 4 (philox.h).
template <class T>
struct RandomLoops {
  /// low + u (high - low), u in [0, 1); `below`, the number before high, where rounding reaches it.
  void (*uniform)(T* y, std::int64_t n, std::uint64_t seed, std::uint64_t counter, T low, T high, T below);
  /// By Box and Muller (1958): words 0 and 1 give two numbers, words 2 and 3 the next two.
  void (*normal)(T* y, std::int64_t n, std::uint64_t seed, std::uint64_t counter, double mean, double stddev);
};

template <class T>
struct CopyLoops {
  /// out[r * out_step + c] = in[c * in_step + r]
  void (*transpose)(const T* in, std::int64_t in_step, T* out, std::int64_t out_step, std::int64_t rows,
                    std::int64_t cols);
  /// out[r * out_step + c] += in[r * in_step + c] for r < rows, c < n; rows of `out` may overlap.
  void (*add_overlapping)(const T* in, std::int64_t in_step, T* out, std::int64_t out_step, std::int64_t rows,
                          std::int64_t n);
};

/// The constants of a step, reduced to what an element needs.
template <class T>
struct AdamConstants {
  T keep;  // of the parameter, under decoupled decay
  T weight_decay, beta1, share1, beta2, share2, eps;
  T inverse_root_correction2, step;
};

template <class T>
struct SgdConstants {
  T rate, momentum, share, weight_decay;
};

template <class T>
struct RmsPropConstants {
  T rate, alpha, share, eps, weight_decay;
};

template <class T>
struct OptimLoops {
  void (*adam)(T* param, const T* grad, T* exp_avg, T* exp_avg_sq, std::int64_t n, const AdamConstants<T>& c);
  void (*sgd)(T* param, const T* grad, std::int64_t n, const SgdConstants<T>& c);
  void (*sgd_momentum)(T* param, const T* grad, T* momentum, std::int64_t n, const SgdConstants<T>& c);
  void (*rmsprop)(T* param, const T* grad, T* square_avg, std::int64_t n, const RmsPropConstants<T>& c);
};

template <class T>
struct Loops {
  PointwiseLoops<T> pointwise;
  ReduceLoops<T> reduce;
  NormLoops<T> norm;
  SoftmaxLoops<T> softmax;
  OptimLoops<T> optim;
  RandomLoops<T> random;
  CopyLoops<T> copy;
  FinishLoops<T> finish;
};

/// The loops for `isa()`; T is float or double.
template <class T>
const Loops<T>& loops();

/// Tells the compiler that a loop's iterations do not depend on each other, so that it needs no check for overlap.
#if defined(__GNUC__) && !defined(__clang__)
#define DUEL_INDEPENDENT _Pragma("GCC ivdep")
#else
#define DUEL_INDEPENDENT
#endif

}  // namespace duel::cpu
