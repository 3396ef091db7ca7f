// Pointwise operations of two tensors, and the choice between two.
#include "duel/cuda/kernels.h"
#include "duel/cuda/map.cuh"

namespace duel::cuda {
namespace {

template <class Op, class T>
struct Binary {
  compute_t<T> p, q;
  DUEL_HD T operator()(T a, T b) const {
    return T(Op::apply(static_cast<compute_t<T>>(a), static_cast<compute_t<T>>(b), p, q));
  }
};

template <class T>
struct Where {
  DUEL_HD T operator()(T condition, T a, T b) const { return static_cast<compute_t<T>>(condition) != 0 ? a : b; }
};

template <class T>
void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y, compute_t<T> p, compute_t<T> q) {
  switch (op) {
#define DUEL_CASE(name) \
  case BinaryOp::name: return map<T, T>(y, {a, b}, Binary<functors::name, T>{p, q});
    DUEL_BINARY_OPS(DUEL_CASE)
#undef DUEL_CASE
    case BinaryOp::count: break;
  }
  fail("binary", "there is no operation ", static_cast<int>(op));
}

}  // namespace

void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y, Constants c) {
  dispatch_computed("binary", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    binary<T>(op, a, b, y, static_cast<compute_t<T>>(c.p), static_cast<compute_t<T>>(c.q));
  });
}

void where(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& y) {
  dispatch_computed("where", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(y, {condition, a, b}, Where<T>{});
  });
}

}  // namespace duel::cuda
