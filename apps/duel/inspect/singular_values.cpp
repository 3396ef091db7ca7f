#include "apps/duel/inspect/singular_values.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Eigenvalues>

#include "duel/tensor/eigen.h"

namespace duel::app {

Spectrum singular_values(const Tensor& weight, std::size_t count) {
  check(weight.defined() && weight.dim() >= 2, "singular_values", "needs a weight of two dimensions or more, got ",
        weight);
  Spectrum spectrum;
  if (weight.numel() == 0) return spectrum;
  const Tensor matrix = weight.to(Device::cpu).to(DType::float64).reshape({weight.size(0), -1});
  const auto w = as_matrix<double>(matrix);
  const Eigen::MatrixXd gram =
      w.rows() <= w.cols() ? Eigen::MatrixXd(w * w.transpose()) : Eigen::MatrixXd(w.transpose() * w);
  if (!gram.allFinite()) return spectrum;
  const Eigen::VectorXd squares =
      Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(gram, Eigen::EigenvaluesOnly).eigenvalues().cwiseMax(0).reverse();
  const auto shown = std::min(static_cast<Eigen::Index>(count), squares.size());
  for (Eigen::Index i = 0; i < shown; ++i) spectrum.largest.push_back(std::sqrt(squares[i]));
  if (squares[0] > 0) spectrum.stable_rank = squares.sum() / squares[0];
  return spectrum;
}

}  // namespace duel::app
