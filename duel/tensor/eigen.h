// For programs that use Eigen: a tensor seen as an Eigen matrix, without copying. The only installed header that needs
// Eigen; duel.h leaves it out.
#pragma once

#include <Eigen/Core>

#include "duel/tensor/tensor.h"

namespace duel {

template <class T>
using MatrixMap = Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, Eigen::Unaligned,
                             Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

/// A tensor [R, C] of any strides on the CPU, T its element type. The view doesn't keep the tensor alive, and writing
/// through it doesn't bump the version: don't write what an operation has saved for its gradient.
/// The other way round: `Tensor::wrap(matrix.data(), {rows, columns})` sees a row-major matrix.
template <class T>
MatrixMap<T> as_matrix(const Tensor& t) {
  check(t.defined() && t.dim() == 2 && t.device() == Device::cpu, "as_matrix", "needs a matrix on the CPU, got ", t);
  return {t.mutable_data<T>(), t.size(0), t.size(1),
          Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(t.strides()[0], t.strides()[1])};
}

}  // namespace duel
