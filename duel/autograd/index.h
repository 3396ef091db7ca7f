// Look-up along a dimension and its transpose. All are linear in x; indices are constants, int64, from 0 on. An index
// outside its dimension throws (negative ones too).
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// y[.., i, ..] = x[.., index[.., i, ..], ..] along dimension `d`: one index for each element of the result, which has
/// the index's shape. All its sizes but the one along `d` are x's (PyTorch allows smaller ones). Of any dtype.
Variable gather(const Variable& x, int d, const Tensor& index);
/// The transpose: g, of the index's shape, added into zeros with `size` elements along dimension `d`; what meets in one
/// place is added in the order of i. PyTorch's zeros.scatter_add(d, index, g).
Variable scatter_add(const Variable& g, int d, const Tensor& index, std::int64_t size);

/// y[.., i, ..] = x[.., index[i], ..] along dimension `d`; index [K]. Of any dtype.
Variable index_select(const Variable& x, int d, const Tensor& index);
/// The transpose: g, with K elements along dimension `d`, added into zeros with `size` of them; what meets in one place
/// is added in the order of i. PyTorch's zeros.index_add(d, index, g).
Variable index_add(const Variable& g, int d, const Tensor& index, std::int64_t size);

/// The rows of `table` [R, D] named by `index` [...]: [..., D].
Variable embedding(const Variable& table, const Tensor& index);

/// The elements along each of `dims` in reversed order. Of any dtype.
Variable flip(const Variable& x, const Shape& dims);
/// The elements moved `shifts[i]` places toward the end of dimension `dims[i]`; what passes the end comes in at the
/// start. Negative shifts move the other way. Of any dtype.
Variable roll(const Variable& x, const Shape& shifts, const Shape& dims);

/// 0, 1, ... count - 1, made on `device`: [count].
Tensor arange(std::int64_t count, DType dtype = DType::int64, Device device = Device::cpu);

/// int64 labels [N] as rows of zeros with a single 1: [N, classes]. A constant.
Tensor one_hot(const Tensor& labels, std::int64_t classes, DType dtype = DType::float32);

}  // namespace duel
