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

}  // namespace duel::cpu
