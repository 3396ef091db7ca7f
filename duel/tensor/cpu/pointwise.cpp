// Pointwise operations over tensors of any strides.
#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

template <int K>
Step step(const Strided<K>& s, int k) {
  return {s.row_step(k), s.col_step(k)};
}

// A row of `where`, condition and y at unit step: reading both a and b always, the compiler can vectorise it.
template <int kStepA, int kStepB, class T>
void choose(const T* condition, const T* a, const T* b, T* y, std::int64_t n) {
  DUEL_INDEPENDENT
  for (std::int64_t i = 0; i < n; ++i) {
    const T if_not_zero = a[i * kStepA], if_zero = b[i * kStepB];
    y[i] = condition[i] != 0 ? if_not_zero : if_zero;
  }
}

}  // namespace

void unary(UnaryOp op, const Tensor& x, const Tensor& y, Constants c) {
  if (y.numel() == 0) return;
  dispatch_floating("unary", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto s = strided<2>(y.shape(), {y.strides(), x.strides()});
    const auto loop = loops<T>().pointwise.unary[static_cast<int>(op)];
    const T p = static_cast<T>(c.p), q = static_cast<T>(c.q), *px = x.data<T>();
    T* py = y.mutable_data<T>();
    for_each_block(s, [&](const auto& at, std::int64_t rows, std::int64_t n) {
      loop(px + at[1], step(s, 1), py + at[0], step(s, 0), rows, n, p, q);
    });
  });
}

void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y, Constants c) {
  if (y.numel() == 0) return;
  dispatch_floating("binary", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto s = strided<3>(y.shape(), {y.strides(), a.strides(), b.strides()});
    const auto loop = loops<T>().pointwise.binary[static_cast<int>(op)];
    const T p = static_cast<T>(c.p), q = static_cast<T>(c.q), *pa = a.data<T>(), *pb = b.data<T>();
    T* py = y.mutable_data<T>();
    for_each_block(s, [&](const auto& at, std::int64_t rows, std::int64_t n) {
      loop(pa + at[1], step(s, 1), pb + at[2], step(s, 2), py + at[0], step(s, 0), rows, n, p, q);
    });
  });
}

void where(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating("where", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto s = strided<4>(y.shape(), {y.strides(), condition.strides(), a.strides(), b.strides()});
    const std::int64_t yc = s.col_step(0), cc = s.col_step(1), ac = s.col_step(2), bc = s.col_step(3);
    const T *pc = condition.data<T>(), *pa = a.data<T>(), *pb = b.data<T>();
    T* py = y.mutable_data<T>();
    for_each_block(s, [&](const auto& at, std::int64_t rows, std::int64_t n) {
      for (std::int64_t r = 0; r < rows; ++r) {
        T* to = py + at[0] + r * s.row_step(0);
        const T* if_not_zero = pc + at[1] + r * s.row_step(1);
        const T *first = pa + at[2] + r * s.row_step(2), *second = pb + at[3] + r * s.row_step(3);
        if (yc == 1 && cc == 1 && ac == 1 && bc == 1)
          choose<1, 1>(if_not_zero, first, second, to, n);
        else if (yc == 1 && cc == 1 && ac == 0 && bc == 1)
          choose<0, 1>(if_not_zero, first, second, to, n);
        else if (yc == 1 && cc == 1 && ac == 1 && bc == 0)
          choose<1, 0>(if_not_zero, first, second, to, n);
        else
          for (std::int64_t i = 0; i < n; ++i) to[i * yc] = if_not_zero[i * cc] != 0 ? first[i * ac] : second[i * bc];
      }
    });
  });
}

}  // namespace duel::cpu
