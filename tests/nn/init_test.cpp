// Initialisations: bounds and moments against torch.nn.init's formulas, orthogonality, and that a seed is a seed.
#include "duel/nn/init.h"

#include <doctest/doctest.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <functional>

#include "duel/autograd/ops.h"
#include "duel/tensor/eigen.h"
#include "duel/tensor/thread_pool.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

using namespace duel;
using namespace duel::testing;

namespace {

const Shape kConvolution{64, 32, 3, 5};  // fan-in 480, fan-out 960
constexpr double kFanIn = 480, kFanOut = 960;

double mean_of(const std::vector<double>& v) {
  double s = 0;
  for (double x : v) s += x;
  return s / static_cast<double>(v.size());
}

double stddev_of(const std::vector<double>& v) {
  double s = 0, m = mean_of(v);
  for (double x : v) s += (x - m) * (x - m);
  return std::sqrt(s / static_cast<double>(v.size()));
}

// 30,000 numbers: their mean and deviation are within 3 % of what they should be, by a wide margin.
void check_normal(const Tensor& t, double mean, double stddev) {
  CHECK(t.shape() == kConvolution);
  const std::vector<double> v = doubles(t);
  CHECK(std::abs(mean_of(v) - mean) < 0.03 * stddev);
  CHECK(stddev_of(v) == doctest::Approx(stddev).epsilon(0.03));
  std::int64_t within = 0;  // one deviation
  for (double x : v) within += std::abs(x - mean) < stddev;
  CHECK(static_cast<double>(within) / static_cast<double>(v.size()) == doctest::Approx(0.6827).epsilon(0.03));
}

void check_uniform(const Tensor& t, double low, double high) {
  CHECK(t.shape() == kConvolution);
  const std::vector<double> v = doubles(t);
  const auto [least, most] = std::minmax_element(v.begin(), v.end());
  const double slack = 1e-3 * (high - low);
  CHECK(*least >= static_cast<float>(low));
  CHECK(*least < low + slack);
  CHECK(*most <= static_cast<float>(high));
  CHECK(*most > high - slack);
  CHECK(stddev_of(v) == doctest::Approx((high - low) / std::sqrt(12)).epsilon(0.03));
}

double distance_from_identity(const std::vector<double>& w, std::int64_t rows, std::int64_t columns) {
  double worst = 0;
  const auto at = [&](std::int64_t i, std::int64_t j) { return w[static_cast<std::size_t>(i * columns + j)]; };
  const bool by_rows = rows <= columns;
  const std::int64_t n = by_rows ? rows : columns, m = by_rows ? columns : rows;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      double dot = 0;
      for (std::int64_t k = 0; k < m; ++k) dot += by_rows ? at(i, k) * at(j, k) : at(k, i) * at(k, j);
      worst = std::max(worst, std::abs(dot - (i == j)));
    }
  return worst;
}

Tensor gaussian(const Shape& shape, std::uint64_t seed) {
  return Rng(seed).normal(shape, 0, 1, {.dtype = DType::float64});
}

// Q of Householder's method, its columns turned so that R's diagonal is positive.
Tensor householder_q(const Tensor& a) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(as_matrix<double>(a));
  Tensor q = Tensor::empty(a.shape(), {.dtype = DType::float64});
  as_matrix<double>(q) = qr.householderQ() * Eigen::MatrixXd::Identity(a.size(0), a.size(1)) *
                         qr.matrixQR().diagonal().unaryExpr([](double r) { return r < 0 ? -1.0 : 1.0; }).asDiagonal();
  return q;
}

// That a = Q R with orthonormal columns in Q and an upper triangular R of diagonal 0 or more.
void check_factor(const Tensor& a, const Tensor& q) {
  const Variable r = matmul(transpose(q, 0, 1), a);
  const Eigen::MatrixXd gram = as_matrix<double>(q).transpose() * as_matrix<double>(q);
  const MatrixMap<double> upper = as_matrix<double>(r.value());
  CHECK(gram.isIdentity(tolerance::kReference));
  CHECK(difference(matmul(q, r).value(), a) <= tolerance::kReference);
  CHECK(upper.isUpperTriangular(tolerance::kReference));
  CHECK(upper.diagonal().minCoeff() >= -tolerance::kReference * upper.norm());
}

}  // namespace

TEST_CASE("orthonormal columns are Householder's, panel after panel, whatever the strides") {
  for (const Shape& shape : {Shape{1, 1}, {6, 6}, {7, 1}, {200, 127}, {128, 128}, {129, 129}, {300, 300}, {900, 290}}) {
    CAPTURE(shape);
    const Tensor a = gaussian(shape, 1), q = init::orthonormal_columns(a);
    CHECK(difference(q, householder_q(a)) <= tolerance::kFused);
    check_factor(a, q);
  }
  const Tensor a = gaussian({40, 30}, 2);
  const Tensor q = init::orthonormal_columns(a);
  for (View view : kViews) CHECK(difference(init::orthonormal_columns(as_view(a, view)), q) <= tolerance::kReference);
  CHECK(init::orthonormal_columns(Tensor::empty({3, 0}, {.dtype = DType::float64})).shape() == Shape{3, 0});
}

TEST_CASE("orthonormal columns of matrices with nearly or wholly dependent ones") {
  for (double closeness : {1e-3, 1e-6, 1e-9, 1e-12, 0.0}) {  // all columns are one, but for this much
    CAPTURE(closeness);
    const Tensor a = (Variable(gaussian({200, 1}, 1)) + closeness * Variable(gaussian({200, 150}, 2))).value();
    check_factor(a, init::orthonormal_columns(a));
  }
  check_factor(Tensor::zeros({5, 3}, {.dtype = DType::float64}),
               init::orthonormal_columns(Tensor::zeros({5, 3}, {.dtype = DType::float64})));
}

TEST_CASE("orthonormal columns are the same bits for any number of threads") {
  const Tensor a = gaussian({500, 300}, 1);
  const int threads = num_threads();
  const auto with = [&](int n) {
    set_num_threads(n);
    return init::orthonormal_columns(a);
  };
  const Tensor one = with(1), four = with(4);
  set_num_threads(threads);
  CHECK(doubles(one) == doubles(four));
}

TEST_CASE("normal, uniform and constant initialisations") {
  Rng rng(1);
  check_normal(init::normal(rng, kConvolution), 0, 1);
  check_normal(init::normal(rng, kConvolution, 1, 0.02), 1, 0.02);
  check_uniform(init::uniform(rng, kConvolution, -0.3, 0.1), -0.3, 0.1);
  CHECK(difference(init::zeros({3, 2}), Tensor::zeros({3, 2})) == 0);
  CHECK(difference(init::ones({3, 2}), Tensor::full({3, 2}, 1)) == 0);
}

TEST_CASE("xavier and kaiming: bounds and deviations by fan") {
  Rng rng(2);
  CHECK(init::fan_in(kConvolution) == kFanIn);
  CHECK(init::fan_in({7, 3}) == 3);
  for (double gain : {1.0, std::sqrt(2.0)}) {
    const double bound = gain * std::sqrt(6 / (kFanIn + kFanOut));
    check_uniform(init::xavier_uniform(rng, kConvolution, gain), -bound, bound);
    check_normal(init::xavier_normal(rng, kConvolution, gain), 0, gain * std::sqrt(2 / (kFanIn + kFanOut)));
  }
  for (double a : {0.0, 0.2, std::sqrt(5.0)}) {
    const double bound = std::sqrt(6 / ((1 + a * a) * kFanIn));
    check_uniform(init::kaiming_uniform(rng, kConvolution, a), -bound, bound);
    check_normal(init::kaiming_normal(rng, kConvolution, a), 0, std::sqrt(2 / ((1 + a * a) * kFanIn)));
  }
}

TEST_CASE("orthogonal: orthonormal rows or columns, times gain, whatever the shape") {
  Rng rng(3);
  for (const Shape& shape : {Shape{6, 6}, Shape{4, 9}, Shape{9, 4}, Shape{8, 3, 2, 2}, Shape{20, 2, 2, 3}, Shape{1, 5},
                             Shape{5, 1}, Shape{40, 70}})
    for (double gain : {1.0, 1.5}) {
      CAPTURE(shape);
      const Tensor t = init::orthogonal(rng, shape, gain);
      CHECK(t.shape() == shape);
      CHECK(t.dtype() == DType::float32);
      std::vector<double> w = doubles(t);
      for (double& x : w) x /= gain;
      CHECK(distance_from_identity(w, shape[0], shape.numel() / shape[0]) <= tolerance::kSingle);
    }
}

TEST_CASE("orthogonal is uniform over rotations: every element has mean 0") {
  Rng rng(4);
  std::vector<double> sums(4);
  constexpr int kDraws = 2000;
  for (int i = 0; i < kDraws; ++i) {
    const std::vector<double> q = doubles(init::orthogonal(rng, {2, 2}));
    for (std::size_t j = 0; j < 4; ++j) sums[j] += q[j];
  }
  for (double s : sums) CHECK(std::abs(s / kDraws) < 5 * std::sqrt(0.5 / kDraws));  // five standard errors
}

TEST_CASE("the same seed gives the same weights, another seed others, and the stream moves on") {
  const std::vector<std::function<Tensor(Rng&)>> all{
      [](Rng& r) { return init::normal(r, {5, 7}); },          [](Rng& r) { return init::uniform(r, {5, 7}, -1, 1); },
      [](Rng& r) { return init::xavier_uniform(r, {5, 7}); },  [](Rng& r) { return init::xavier_normal(r, {5, 7}); },
      [](Rng& r) { return init::kaiming_uniform(r, {5, 7}); }, [](Rng& r) { return init::kaiming_normal(r, {5, 7}); },
      [](Rng& r) { return init::orthogonal(r, {5, 7}); },
  };
  for (const auto& draw : all) {
    Rng a(5), b(5), c(6);
    const Tensor first = draw(a);
    CHECK(difference(first, draw(b)) == 0);
    CHECK(difference(first, draw(c)) > 0.01);
    CHECK(difference(first, draw(a)) > 0.01);
  }
}

TEST_CASE("numbers are of the logical element, whatever lies where in memory") {
  Rng a(7), b(7);
  const Tensor weight = init::normal(a, {4, 3, 2, 2});
  CHECK(weight.is_channels_last());
  CHECK(difference(weight, b.normal({4, 3, 2, 2})) == 0);
}

TEST_CASE("initialisations by fan refuse shapes without one") {
  Rng rng(8);
  CHECK(error_of([&] { init::xavier_uniform(rng, {5}); }).find("two dimensions") != std::string::npos);
  CHECK(error_of([&] { init::kaiming_normal(rng, {}); }).find("two dimensions") != std::string::npos);
  CHECK(error_of([&] { init::orthogonal(rng, {5}); }).find("two dimensions") != std::string::npos);
  CHECK_FALSE(error_of([&] { init::orthogonal(rng, {0, 5}); }).empty());
  CHECK_FALSE(error_of([&] { init::orthogonal(rng, {5, 0}); }).empty());
  CHECK_FALSE(error_of([&] { init::normal(rng, {2, 2}, 0, -1); }).empty());
  for (const Tensor& a : {Tensor(), gaussian({2, 3}, 1), gaussian({3}, 1), Tensor::zeros({3, 2})})
    CHECK(error_of([&] { init::orthonormal_columns(a); }).starts_with("orthonormal_columns: needs a float64 matrix"));
}
