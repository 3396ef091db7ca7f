// Pointwise operations of one tensor.
#include "duel/cuda/kernels.h"
#include "duel/cuda/map.cuh"

namespace duel::cuda {
namespace {

template <class Op, class T>
struct Unary {
  compute_t<T> p, q;
  DUEL_HD T operator()(T x) const { return T(Op::apply(static_cast<compute_t<T>>(x), p, q)); }
};

template <class T>
void unary(UnaryOp op, const Tensor& x, const Tensor& y, compute_t<T> p, compute_t<T> q) {
  switch (op) {
#define DUEL_CASE(name) \
  case UnaryOp::name: return map<T, T>(y, {x}, Unary<functors::name, T>{p, q});
    DUEL_UNARY_OPS(DUEL_CASE)
#undef DUEL_CASE
    case UnaryOp::count: break;
  }
  fail("unary", "there is no operation ", static_cast<int>(op));
}

}  // namespace

void unary(UnaryOp op, const Tensor& x, const Tensor& y, Constants c) {
  dispatch_computed("unary", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    unary<T>(op, x, y, static_cast<compute_t<T>>(c.p), static_cast<compute_t<T>>(c.q));
  });
}

}  // namespace duel::cuda
