// Array: numbers and their shape, for the naive loops that the kernels are tested against. Nothing of the library's
// arithmetic is used.
#pragma once

#include <functional>
#include <vector>

#include "duel/tensor/shape.h"
#include "tests/support/tensors.h"

namespace duel::testing {

struct Array {
  Shape shape;
  std::vector<double> values;  // row-major

  static Array zeros(const Shape& shape) {
    return {shape, std::vector<double>(static_cast<std::size_t>(shape.numel()))};
  }
  static Array of(const Tensor& t) { return {t.shape(), doubles(t)}; }
  Tensor tensor() const { return Tensor::from(values, shape); }

  /// The element at `index`, which may have more dimensions: leading ones and those of size 1 broadcast.
  double& at(const Shape& index) { return values[place(index)]; }
  double at(const Shape& index) const { return values[place(index)]; }

 private:
  std::size_t place(const Shape& index) const {
    std::int64_t p = 0;
    for (int i = 0; i < shape.dim(); ++i) p = p * shape[i] + (shape[i] == 1 ? 0 : index[i + index.dim() - shape.dim()]);
    return static_cast<std::size_t>(p);
  }
};

/// Calls f(index) for every index of `shape`, in row-major order.
inline void for_each_index(const Shape& shape, const std::function<void(const Shape&)>& f) {
  Shape index = Shape::filled(shape.dim(), 0);
  for (std::int64_t n = shape.numel(); n > 0; --n) {
    f(index);
    for (int i = shape.dim() - 1; i >= 0 && ++index[i] == shape[i]; --i) index[i] = 0;
  }
}

}  // namespace duel::testing
