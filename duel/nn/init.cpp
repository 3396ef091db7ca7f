#include "duel/nn/init.h"

#include <Eigen/QR>
#include <cmath>

namespace duel::init {
namespace {

double receptive_field(const Shape& shape) {
  check(shape.dim() >= 2, "init", "fans need a weight of two dimensions or more, got ", shape);
  double area = 1;
  for (int i = 2; i < shape.dim(); ++i) area *= static_cast<double>(shape[i]);
  return area;
}

double fan_out(const Shape& shape) { return static_cast<double>(shape[0]) * receptive_field(shape); }

TensorOptions weight_options() { return {.layout = Layout::channels_last}; }

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

Tensor orthogonal(Rng& rng, const Shape& shape, double gain) {
  const std::int64_t rows = shape.dim() ? shape[0] : 0, columns = rows ? shape.numel() / rows : 0;
  check(shape.dim() >= 2 && columns > 0, "init::orthogonal", "needs a non-empty weight of two dimensions or more, got ",
        shape);
  const bool wide = columns > rows;
  const Eigen::Index m = wide ? columns : rows, n = wide ? rows : columns;
  Tensor gaussian = rng.normal({m, n}, 0, 1, {.dtype = DType::float64});
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::HouseholderQR<Matrix> qr(Eigen::Map<const Matrix>(gaussian.data<double>(), m, n));
  Matrix q = qr.householderQ() * Matrix::Identity(m, n);
  for (Eigen::Index j = 0; j < n; ++j)  // makes the distribution uniform over orthonormal frames
    q.col(j) *= qr.matrixQR()(j, j) < 0 ? -gain : gain;
  if (wide) q.transposeInPlace();
  Tensor weight = Tensor::empty(shape, weight_options());
  weight.copy_(Tensor::wrap(q.data(), shape));
  return weight;
}

}  // namespace duel::init
