// Tensors seen as Eigen matrices and the other way round.
#include "duel/tensor/eigen.h"

#include <doctest/doctest.h>

using namespace duel;

TEST_CASE("as_matrix sees any strides and shares memory") {
  const Tensor t = Tensor::from({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {2, 3});
  MatrixMap<double> m = as_matrix<double>(t), transposed = as_matrix<double>(t.transpose(0, 1));
  CHECK(m(1, 0) == 4);
  CHECK(transposed == m.transpose());
  CHECK(as_matrix<double>(t.slice(1, 0, 3, 2))(1, 1) == 6);
  m *= 2;
  CHECK(t.to_vector<double>() == std::vector<double>{2, 4, 6, 8, 10, 12});
  CHECK_THROWS_AS(as_matrix<float>(t), Error);
  CHECK_THROWS_AS(as_matrix<double>(t.select(0, 0)), Error);
}

TEST_CASE("wrap sees an Eigen matrix") {
  Eigen::Matrix<float, 2, 2, Eigen::RowMajor> m;
  m << 1, 2, 3, 4;
  CHECK(Tensor::wrap(m.data(), {2, 2}).to_vector<float>() == std::vector<float>{1, 2, 3, 4});
}
