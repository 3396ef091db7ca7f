#include "duel/tensor/linalg.h"

#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <limits>

#include "duel/tensor/eigen.h"

namespace duel {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

// What still counts as symmetric, or as not negative, relative to the largest element or eigenvalue.
constexpr double kTolerance = 1e-8;

Matrix matrix(const char* name, const Tensor& a) {
  check(a.defined() && a.dtype() == DType::float64 && a.dim() == 2 && a.device() == Device::cpu, name,
        "needs a float64 matrix on the CPU, got ", a);
  Matrix m = as_matrix<double>(a);
  check(m.allFinite(), name, "the matrix ", a, " has an element that is NaN or infinite");
  return m;
}

Matrix symmetric(const char* name, const Tensor& a) {
  const Matrix m = matrix(name, a);
  check(m.rows() == m.cols(), name, "needs a square matrix, got ", a);
  const double largest = m.size() ? m.cwiseAbs().maxCoeff() : 0;
  const double difference = m.size() ? (m - m.transpose()).cwiseAbs().maxCoeff() : 0;
  check(difference <= kTolerance * largest, name, "the matrix ", a, " is not symmetric: elements differ by ",
        difference, ", the largest is ", largest);
  return 0.5 * m + 0.5 * m.transpose();
}

struct Eigenpairs {
  Vector values;
  Matrix vectors;
};

Eigenpairs decomposed(const char* name, const Matrix& m, Eigen::DecompositionOptions what) {
  if (m.size() == 0) return {};  // which Eigen would not take
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(m, what);
  check(solver.info() == Eigen::Success, name, "the iteration for the eigenvalues did not converge");
  return {solver.eigenvalues(), what == Eigen::ComputeEigenvectors ? solver.eigenvectors() : Matrix()};
}

void check_semidefinite(const char* name, const Vector& ascending) {
  const Eigen::Index n = ascending.size();
  if (n == 0) return;
  const double lowest = ascending[0], highest = ascending[n - 1];
  check(lowest >= -kTolerance * std::max(-lowest, highest), name,
        "the matrix is not positive semidefinite: its eigenvalues lie in [", lowest, ", ", highest, "]");
}

// The eigenpairs of a positive semidefinite matrix without those that only rounding tells from 0.
Eigenpairs semidefinite(const char* name, const Matrix& m) {
  const auto [values, vectors] = decomposed(name, m, Eigen::ComputeEigenvectors);
  check_semidefinite(name, values);
  const Eigen::Index n = values.size();
  const double noise = n ? static_cast<double>(n) * std::numeric_limits<double>::epsilon() * values[n - 1] : 0;
  const Eigen::Index rank = (values.array() > noise).count();
  return {values.tail(rank), vectors.rightCols(rank)};
}

Tensor tensor(const Matrix& m) {
  Tensor t = Tensor::empty({m.rows(), m.cols()}, {.dtype = DType::float64});
  as_matrix<double>(t) = m;
  return t;
}

Tensor vector(const Vector& v) {
  return Tensor::from(std::span<const double>(v.data(), static_cast<std::size_t>(v.size())), {v.size()});
}

}  // namespace

SymmetricEigen eigh(const Tensor& a) {
  const auto [values, vectors] = decomposed("eigh", symmetric("eigh", a), Eigen::ComputeEigenvectors);
  return {vector(values), tensor(vectors)};
}

Tensor sqrtm_psd(const Tensor& a) {
  const auto [values, vectors] = semidefinite("sqrtm_psd", symmetric("sqrtm_psd", a));
  return tensor(vectors * values.cwiseSqrt().asDiagonal() * vectors.transpose());
}

double trace_sqrt_product(const Tensor& a, const Tensor& b) {
  const char* const name = "trace_sqrt_product";
  const Matrix first = symmetric(name, a), second = symmetric(name, b);
  check(first.rows() == second.rows(), name, "matrices of different sizes: ", a, " and ", b);
  const auto [values, vectors] = semidefinite(name, first);
  const Matrix f = vectors * values.cwiseSqrt().asDiagonal();  // F F' = A
  const Vector product = decomposed(name, f.transpose() * second * f, Eigen::EigenvaluesOnly).values;
  check_semidefinite(name, product);
  return product.cwiseMax(0).cwiseSqrt().sum();
}

Tensor svdvals(const Tensor& a) {
  const Matrix m = matrix("svdvals", a);
  if (m.size() == 0) return Tensor::empty({0}, {.dtype = DType::float64});
  const Eigen::BDCSVD<Matrix> svd(m);
  check(svd.info() == Eigen::Success, "svdvals", "the iteration for the singular values did not converge");
  return vector(svd.singularValues());
}

}  // namespace duel
