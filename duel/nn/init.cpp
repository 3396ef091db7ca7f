#include "duel/nn/init.h"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <span>

#include "duel/autograd/ops.h"
#include "duel/tensor/eigen.h"

namespace duel::init {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

double receptive_field(const Shape& shape) {
  check(shape.dim() >= 2, "init", "fans need a weight of two dimensions or more, got ", shape);
  double area = 1;
  for (int i = 2; i < shape.dim(); ++i) area *= static_cast<double>(shape[i]);
  return area;
}

double fan_out(const Shape& shape) { return static_cast<double>(shape[0]) * receptive_field(shape); }

TensorOptions weight_options() { return {.layout = Layout::channels_last}; }

// Of any matrix, one that lacks rank too; slow.
Tensor orthonormal_by_householder(const Tensor& a) {
  const Eigen::Index m = a.size(0), n = a.size(1);
  const Eigen::HouseholderQR<Matrix> qr(as_matrix<double>(a));
  Matrix q = qr.householderQ() * Matrix::Identity(m, n);
  for (Eigen::Index j = 0; j < n; ++j)
    if (qr.matrixQR()(j, j) < 0) q.col(j) *= -1;
  return Tensor::from(std::span<const double>(q.data(), static_cast<std::size_t>(q.size())), {m, n});
}

}  // namespace

double fan_in(const Shape& shape) { return receptive_field(shape) * static_cast<double>(shape[1]); }

Tensor zeros(const Shape& shape) { return Tensor::zeros(shape, weight_options()); }
Tensor ones(const Shape& shape) { return Tensor::full(shape, 1, weight_options()); }

Tensor normal(Rng& rng, const Shape& shape, double mean, double stddev) {
  return rng.normal(shape, mean, stddev, weight_options());
}

Tensor uniform(Rng& rng, const Shape& shape, double low, double high) {
  return rng.uniform(shape, low, high, weight_options());
}

Tensor xavier_uniform(Rng& rng, const Shape& shape, double gain) {
  const double bound = gain * std::sqrt(6 / (fan_in(shape) + fan_out(shape)));
  return uniform(rng, shape, -bound, bound);
}

Tensor xavier_normal(Rng& rng, const Shape& shape, double gain) {
  return normal(rng, shape, 0, gain * std::sqrt(2 / (fan_in(shape) + fan_out(shape))));
}

Tensor kaiming_uniform(Rng& rng, const Shape& shape, double a) {
  const double bound = std::sqrt(6 / ((1 + a * a) * fan_in(shape)));
  return uniform(rng, shape, -bound, bound);
}

Tensor kaiming_normal(Rng& rng, const Shape& shape, double a) {
  return normal(rng, shape, 0, std::sqrt(2 / ((1 + a * a) * fan_in(shape))));
}

Tensor fan_in_uniform(Rng& rng, const Shape& shape, double fan_in) {
  const double bound = fan_in > 0 ? 1 / std::sqrt(fan_in) : 0;
  return uniform(rng, shape, -bound, bound);
}

// Panel by panel: what the columns before it explain is taken out, and a Cholesky factor R of the panel's Gram matrix
// makes it orthonormal, as panel R^-1. One round loses digits where columns are nearly dependent; after a second one
// they are orthonormal to rounding (Yamamoto et al. 2015; Giraud et al. 2005), if the first one came near.
Tensor orthonormal_columns(const Tensor& a) {
  check(a.defined() && a.dtype() == DType::float64 && a.dim() == 2 && a.size(0) >= a.size(1), "orthonormal_columns",
        "needs a float64 matrix with no more columns than rows, got ", a);
  constexpr std::int64_t kPanel = 128;
  constexpr double kNear = 1e-2;
  const std::int64_t m = a.size(0), n = a.size(1);
  Tensor q = Tensor::empty({m, n}, {.dtype = DType::float64});
  for (std::int64_t begin = 0; begin < n; begin += kPanel) {
    const std::int64_t end = std::min(begin + kPanel, n), width = end - begin;
    const Variable before = q.slice(1, 0, begin);
    Variable panel = a.slice(1, begin, end);
    for (int round = 0; round < 2; ++round) {
      if (begin > 0) panel = panel - matmul(before, transpose(matmul(transpose(panel, 0, 1), before), 0, 1));
      const Tensor gram = matmul(transpose(panel, 0, 1), panel).value();
      const Matrix g = as_matrix<double>(gram), identity = Matrix::Identity(width, width);
      const Eigen::LLT<Matrix, Eigen::Upper> cholesky(g);
      const bool near = round == 0 || (g - identity).cwiseAbs().maxCoeff() <= kNear;
      if (cholesky.info() != Eigen::Success || !near) return orthonormal_by_householder(a);
      Matrix inverse = cholesky.matrixU().solve(identity);
      panel = matmul(panel, Tensor::wrap(inverse.data(), {width, width}));
    }
    q.slice(1, begin, end).copy_(panel.value());
  }
  return q;
}

Tensor orthogonal(Rng& rng, const Shape& shape, double gain) {
  const std::int64_t rows = shape.dim() ? shape[0] : 0, columns = rows ? shape.numel() / rows : 0;
  check(shape.dim() >= 2 && columns > 0, "init::orthogonal", "needs a non-empty weight of two dimensions or more, got ",
        shape);
  const bool wide = columns > rows;
  const Tensor gaussian = rng.normal({wide ? columns : rows, wide ? rows : columns}, 0, 1, {.dtype = DType::float64});
  // R's positive diagonal makes the distribution uniform over orthonormal frames.
  const Tensor q = (gain * Variable(orthonormal_columns(gaussian))).value();
  Tensor weight = Tensor::empty(shape, weight_options());
  weight.copy_((wide ? q.transpose(0, 1) : q).reshape(shape));
  return weight;
}

}  // namespace duel::init
