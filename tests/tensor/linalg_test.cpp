// Decompositions: known matrices, random ones of known spectra, what is not what it should be, and the size of FID's.
#include "duel/tensor/linalg.h"

#include <doctest/doctest.h>

#include <Eigen/QR>
#include <cmath>
#include <limits>

#include "duel/tensor/eigen.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Matrix = Eigen::MatrixXd;

Matrix eigen(const Tensor& t) { return as_matrix<double>(t); }

Tensor tensor(const Matrix& m) {
  Tensor t = Tensor::empty({m.rows(), m.cols()}, {.dtype = DType::float64});
  as_matrix<double>(t) = m;
  return t;
}

Tensor diagonal(const std::vector<double>& values) {
  return tensor(
      Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size())).asDiagonal());
}

Matrix gaussian(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  return eigen(Rng(seed).normal({rows, columns}, 0, 1, {.dtype = DType::float64}));
}

// Orthonormal columns.
Matrix rotation(std::int64_t n, std::uint64_t seed) {
  return gaussian(n, n, seed).householderQr().householderQ() * Matrix::Identity(n, n);
}

// Q diag(values) Q'
Tensor with_spectrum(const std::vector<double>& values, std::uint64_t seed) {
  const Matrix q = rotation(static_cast<std::int64_t>(values.size()), seed);
  return tensor(q * eigen(diagonal(values)) * q.transpose());
}

// Of a sample of the given size: of rank size - 1 if that is below n.
Tensor covariance(std::int64_t n, std::int64_t samples, std::uint64_t seed) {
  const Matrix x = gaussian(samples, n, seed);
  const Matrix centred = x.rowwise() - x.colwise().mean();
  return tensor(centred.transpose() * centred / static_cast<double>(samples - 1));
}

double distance(const Matrix& a, const Matrix& b) { return difference(tensor(a), tensor(b)); }

}  // namespace

TEST_CASE("eigh: known matrices") {
  const auto [values, vectors] = eigh(Tensor::from<double>({2, 1, 1, 2}, {2, 2}));
  CHECK(difference(values, Tensor::from<double>({1, 3}, {2})) <= tolerance::kClosedForm);
  CHECK(std::abs(eigen(vectors)(0, 0)) == doctest::Approx(std::sqrt(0.5)));
  CHECK(eigen(vectors)(0, 0) == doctest::Approx(-eigen(vectors)(1, 0)));
  CHECK(doubles(eigh(diagonal({3, -1, 2})).values) == std::vector<double>{-1, 2, 3});
  CHECK(doubles(eigh(diagonal({0, 0})).values) == std::vector<double>{0, 0});
  CHECK(doubles(eigh(diagonal({-5})).values) == std::vector<double>{-5});
  CHECK(eigh(Tensor::empty({0, 0}, {.dtype = DType::float64})).vectors.shape() == Shape{0, 0});
}

TEST_CASE("eigh finds the spectrum it was given, in any layout and scale") {
  for (double scale : {1e-150, 1.0, 1e150}) {
    std::vector<double> spectrum{-3, -1e-3, 0, 0, 1, 1, 1.0000001, 50};
    for (double& v : spectrum) v *= scale;
    Tensor a = with_spectrum(spectrum, 1);
    for (const Tensor& t : {a, a.transpose(0, 1), as_view(a, View::gaps)}) {
      const auto [values, vectors] = eigh(t);
      const std::vector<double> found = doubles(values);
      for (std::size_t i = 0; i < found.size(); ++i)
        CHECK(std::abs(found[i] - spectrum[i]) <= tolerance::kClosedForm * 50 * scale);
      const Matrix v = eigen(vectors);
      CHECK(distance(v.transpose() * v, Matrix::Identity(8, 8)) <= tolerance::kClosedForm);
      CHECK(distance(eigen(t) * v / scale, v * eigen(values.unsqueeze(1)).asDiagonal().toDenseMatrix() / scale) <=
            tolerance::kClosedForm);
    }
  }
}

TEST_CASE("sqrtm_psd: its square is the matrix, which may lack rank") {
  CHECK(difference(sqrtm_psd(diagonal({4, 0, 9})), diagonal({2, 0, 3})) <= tolerance::kClosedForm);
  CHECK(sqrtm_psd(Tensor::empty({0, 0}, {.dtype = DType::float64})).shape() == Shape{0, 0});
  CHECK(difference(sqrtm_psd(diagonal({0, 0})), diagonal({0, 0})) == 0);
  CHECK(sqrtm_psd(diagonal({2})).item() == doctest::Approx(std::sqrt(2)));
  for (const Tensor& a : {covariance(7, 20, 1), covariance(7, 4, 2), with_spectrum({1e-12, 1e-6, 1, 1e6}, 3)}) {
    const Tensor root = sqrtm_psd(a);
    const Matrix r = eigen(root);
    CHECK(difference(root, root.transpose(0, 1)) <= tolerance::kClosedForm);
    CHECK(distance(r * r, eigen(a)) <= tolerance::kClosedForm);
    CHECK(doubles(eigh(root).values).front() >= -tolerance::kSingularMatrixRoot * doubles(eigh(root).values).back());
  }
}

TEST_CASE("trace_sqrt_product: diagonals, itself, and matrices that do not commute") {
  CHECK(trace_sqrt_product(diagonal({1, 4, 0}), diagonal({9, 16, 25})) == doctest::Approx(3 + 8));
  const Tensor empty = Tensor::empty({0, 0}, {.dtype = DType::float64});
  CHECK(trace_sqrt_product(empty, empty) == 0);
  CHECK(trace_sqrt_product(diagonal({0, 0}), diagonal({1, 2})) == 0);
  for (std::int64_t samples : {40, 6}) {
    const Tensor a = covariance(9, samples, 1), b = covariance(9, 30, 2);
    CHECK(trace_sqrt_product(a, a) == doctest::Approx(eigen(a).trace()).epsilon(tolerance::kMatrixRoot));
    // Against the definition: R = A^1/2, then Tr((R B R)^1/2).
    const Matrix r = eigen(sqrtm_psd(a));
    const double wanted = eigen(sqrtm_psd(tensor(r * eigen(b) * r))).trace();
    CHECK(trace_sqrt_product(a, b) == doctest::Approx(wanted).epsilon(tolerance::kSingularMatrixRoot));
    CHECK(trace_sqrt_product(b, a) == doctest::Approx(wanted).epsilon(tolerance::kSingularMatrixRoot));
  }
}

TEST_CASE("the Frechet distance between two Gaussians with diagonal covariances has a closed form") {
  // |m1 - m2|^2 + sum (s1 - s2)^2, deviations s, also when both are rotated.
  const std::vector<double> s1{0.5, 1, 2, 3, 0}, s2{1, 1, 0.25, 7, 2};
  std::vector<double> v1, v2;
  double wanted = 0, traces = 0;
  for (std::size_t i = 0; i < s1.size(); ++i) {
    v1.push_back(s1[i] * s1[i]);
    v2.push_back(s2[i] * s2[i]);
    wanted += (s1[i] - s2[i]) * (s1[i] - s2[i]);
    traces += v1[i] + v2[i];
  }
  CHECK(traces - 2 * trace_sqrt_product(diagonal(v1), diagonal(v2)) ==
        doctest::Approx(wanted).epsilon(tolerance::kClosedForm));
  CHECK(traces - 2 * trace_sqrt_product(with_spectrum(v1, 5), with_spectrum(v2, 5)) ==
        doctest::Approx(wanted).epsilon(tolerance::kMatrixRoot));
}

TEST_CASE("svdvals: known matrices, wide and tall, and roots of eigenvalues") {
  CHECK(doubles(svdvals(diagonal({1, -3, 2}))) == std::vector<double>{3, 2, 1});
  CHECK(svdvals(Tensor::empty({0, 4}, {.dtype = DType::float64})).shape() == Shape{0});
  CHECK(difference(svdvals(Tensor::from<double>({3, 4}, {1, 2})), Tensor::from<double>({5}, {1})) <=
        tolerance::kClosedForm);
  for (const auto& [rows, columns] : {std::pair{5, 3}, {3, 5}, {40, 23}}) {
    const Tensor a = tensor(gaussian(rows, columns, 1));
    const Tensor s = svdvals(a);
    CHECK(s.shape() == Shape{std::min(rows, columns)});
    CHECK(difference(s, svdvals(a.transpose(0, 1))) <= tolerance::kClosedForm);
    const std::vector<double> squares = doubles(eigh(tensor(eigen(a).transpose() * eigen(a))).values);
    CHECK(doubles(s).front() == doctest::Approx(std::sqrt(squares.back())));
    CHECK(doubles(s).back() > 0);
  }
}

TEST_CASE("FID's size: the covariance of fewer samples than features") {
  const Tensor a = covariance(400, 150, 1), b = covariance(400, 600, 2);
  const double itself = trace_sqrt_product(a, a);
  CHECK(itself == doctest::Approx(eigen(a).trace()).epsilon(tolerance::kMatrixRoot));
  CHECK(trace_sqrt_product(a, b) == doctest::Approx(trace_sqrt_product(b, a)).epsilon(tolerance::kSingularMatrixRoot));
}

TEST_CASE("decompositions refuse other dtypes and shapes, NaN, and what is not symmetric or not semidefinite") {
  const Tensor good = diagonal({1, 2});
  const auto all_refuse = [&](const Tensor& bad, const std::string& because) {
    CAPTURE(because);
    for (const std::string& message :
         {error_of([&] { eigh(bad); }), error_of([&] { sqrtm_psd(bad); }),
          error_of([&] { trace_sqrt_product(bad, good); }), error_of([&] { trace_sqrt_product(good, bad); })}) {
      CAPTURE(message);
      CHECK(message.find(because) != std::string::npos);
    }
  };
  all_refuse({}, "needs a float64 matrix on the CPU, got undefined tensor");
  all_refuse(good.to(DType::float32), "needs a float64 matrix on the CPU, got float32[2, 2]");
  all_refuse(Tensor::zeros({2}, {.dtype = DType::float64}), "needs a float64 matrix");
  all_refuse(Tensor::zeros({2, 3}, {.dtype = DType::float64}), "needs a square matrix, got float64[2, 3]");
  all_refuse(diagonal({1, std::nan("")}), "NaN or infinite");
  all_refuse(diagonal({1, std::numeric_limits<double>::infinity()}), "NaN or infinite");
  all_refuse(Tensor::from<double>({1, 0.5, 0, 1}, {2, 2}), "is not symmetric: elements differ by 0.5");
  CHECK(error_of([&] {
          sqrtm_psd(diagonal({1, -0.5}));
        }) == "sqrtm_psd: the matrix is not positive semidefinite: its eigenvalues lie in [-0.5, 1]");
  CHECK_FALSE(error_of([&] { sqrtm_psd(diagonal({-1, -0.5})); }).empty());
  CHECK_FALSE(error_of([&] { trace_sqrt_product(diagonal({1, -0.5}), good); }).empty());
  CHECK_FALSE(error_of([&] { trace_sqrt_product(good, diagonal({1, -0.5})); }).empty());
  CHECK(error_of([&] { trace_sqrt_product(good, diagonal({1})); }).starts_with("trace_sqrt_product: matrices of"));
  CHECK(error_of([&] { svdvals(Tensor::zeros({2}, {.dtype = DType::float64})); }).starts_with("svdvals: needs a"));
  CHECK(error_of([&] { svdvals(diagonal({std::nan("")})); }).starts_with("svdvals: the matrix"));
  // Rounding is not held against a matrix.
  CHECK(difference(sqrtm_psd(diagonal({1, -1e-12})), diagonal({1, 0})) <= tolerance::kClosedForm);
  CHECK_NOTHROW(eigh(Tensor::from<double>({1, 1e-12, 0, 1}, {2, 2})));
}
