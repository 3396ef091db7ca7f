// Spectral normalisation: the power method and the gradient through sigma, by products of matrices and vectors.
#include <algorithm>
#include <cmath>

#include "duel/tensor/cpu/gemm.h"
#include "duel/tensor/cpu/kernels.h"

namespace duel::cpu {
namespace {

/// A weight [R, C, K] as a matrix in the order of its memory, so that nothing is copied where it is dense, and the
/// vectors that belong to that order: either (c, k), or (k, c) where the channels are innermost.
class MemoryOrder {
 public:
  explicit MemoryOrder(const Tensor& weight) : c_(weight.size(1)), k_(weight.size(2)) {
    channels_last_ = c_ > 1 && k_ > 1 && weight.strides()[2] > weight.strides()[1];
    matrix = (channels_last_ ? weight.transpose(1, 2) : weight).reshape({weight.size(0), c_ * k_});
  }

  Tensor matrix;  // [R, C * K]
  /// v [C * K] as the matrix has it; a copy if it has another order.
  Tensor ordered(const Tensor& v) const { return channels_last_ ? other_way(v, c_, k_) : v; }
  /// And back.
  Tensor numbered(const Tensor& v) const { return channels_last_ ? other_way(v, k_, c_) : v; }

 private:
  static Tensor other_way(const Tensor& v, std::int64_t rows, std::int64_t columns) {
    return v.reshape({rows, columns}).transpose(0, 1).reshape({rows * columns});
  }
  std::int64_t c_, k_;
  bool channels_last_;
};

// matrix [R, S] times x [S]
Tensor product(const Tensor& matrix, const Tensor& x) {
  const Tensor y = Tensor::empty({matrix.size(0)}, x.options());
  matmul(matrix.unsqueeze(0), x.unsqueeze(0).unsqueeze(2), y.unsqueeze(0).unsqueeze(2), {});
  return y;
}

double inner(const Tensor& a, const Tensor& b) {
  const Tensor products = Tensor::empty_like(a), total = Tensor::empty(Shape::filled(a.dim(), 1), a.options());
  binary(BinaryOp::mul, a, b, products, {});
  sum(products, total);
  return total.item();
}

void scale(const Tensor& x, double factor) { unary(UnaryOp::affine, x, x, {factor, 0}); }

void normalize(const Tensor& x, double eps) { scale(x, 1 / std::max(std::sqrt(inner(x, x)), eps)); }

void follow(const PowerMethod& w, std::int64_t iterations, double eps) {
  const MemoryOrder order(w.weight);
  Tensor u = w.from_u.clone(), v = iterations == 0 ? order.ordered(w.from_v).clone() : Tensor();
  Tensor image = iterations == 0 ? product(order.matrix, v) : Tensor();  // W v
  for (std::int64_t i = 0; i < iterations; ++i) {
    v = product(order.matrix.transpose(0, 1), u);
    normalize(v, eps);
    image = product(order.matrix, v);
    u = image.clone();
    normalize(u, eps);
  }
  const double sigma = inner(u, image);
  v = order.numbered(v);
  if (sigma > eps) {
    if (w.to_u.defined()) copy(u, w.to_u);
    if (w.to_v.defined()) copy(v, w.to_v);
  }
  if (w.to_sigma.defined()) fill(w.to_sigma, sigma);
  const bool counts = std::abs(sigma) > eps;
  fill(w.divisor, counts ? sigma : 1);
  if (counts) {
    copy(u, w.u);
    copy(v, w.v);
  } else {
    fill(w.u, 0);
    fill(w.v, 0);
  }
}

}  // namespace

void power_method(std::span<const PowerMethod> weights, std::int64_t iterations, double eps) {
  for (const PowerMethod& w : weights) follow(w, iterations, eps);
}

void spectral_norm_grad(const Tensor& y, const Tensor& dy, const Tensor& u, const Tensor& v, const Tensor& divisor,
                        const Tensor& dx) {
  const double along = inner(dy, y), factor = 1 / divisor.item();
  const std::int64_t rows = y.size(0), channels = y.size(1), places = y.size(2);
  const Tensor outer = Tensor::empty(y.shape(), {y.dtype(), Device::cpu});
  binary(BinaryOp::mul, u.reshape({rows, 1, 1}).expand(y.shape()), v.reshape({1, channels, places}).expand(y.shape()),
         outer, {});
  scale(outer, along);
  binary(BinaryOp::sub, dy, outer, dx, {});
  scale(dx, factor);
}

}  // namespace duel::cpu
