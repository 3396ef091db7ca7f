// Operations that move elements without computing: views where strides allow it. All are linear; each one's gradient is
// another one of them.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// Broadcasts to `shape` (a view); its gradient is `sum_to`.
Variable expand(const Variable& x, const Shape& shape);
/// The elements in row-major order under another shape; one size may be -1. A view when strides allow it.
Variable reshape(const Variable& x, const Shape& shape);
/// Dimensions `first` and after, as one: [N, C, H, W] -> [N, C * H * W] for first = 1.
Variable flatten(const Variable& x, int first = 1);
/// Dimension i of the result is dimension order[i] of x. A view.
Variable permute(const Variable& x, const Shape& order);
/// Two dimensions exchanged. A view.
Variable transpose(const Variable& x, int a, int b);
/// A dimension of size 1 put in at `d`; negative `d` counts from the end of the result. A view.
Variable unsqueeze(const Variable& x, int d);
/// Dimension `d`, which must be of size 1, taken out. A view.
Variable squeeze(const Variable& x, int d);
/// Elements start, start + step, ... below end of dimension `d`. A view.
Variable slice(const Variable& x, int d, std::int64_t start, std::int64_t end, std::int64_t step = 1);
/// The transpose of `slice`: x's elements at start, start + step, ... of dimension `d` with `size` elements, else 0.
Variable slice_grad(const Variable& x, int d, std::int64_t size, std::int64_t start, std::int64_t step);
/// Tensors of equal shape but for dimension `d`, one after the other along it. At least one.
Variable concat(const Variables& xs, int d);
/// Tensors of equal shape, one after the other along a new dimension `d`. At least one.
Variable stack(const Variables& xs, int d = 0);

/// Parts of `sizes` elements along dimension `d`, which they must fill. Views.
Variables split(const Variable& x, const std::vector<std::int64_t>& sizes, int d);
/// Parts of `size` elements (1 or more), the last one perhaps smaller. Views; at least one.
Variables split(const Variable& x, std::int64_t size, int d);
/// `parts` equal parts, as far as that goes: the last one may be smaller, or some of the last be missing (as in
/// PyTorch: 6 elements in 4 parts are 2, 2, 2). Views.
Variables chunk(const Variable& x, std::int64_t parts, int d);
/// What lies at each place of dimension `d`, without that dimension. Views.
Variables unbind(const Variable& x, int d);

/// How many elements are added before and after along one dimension; negative numbers crop.
struct Padding {
  std::int64_t before = 0, after = 0;
};
/// Constant padding of the last `pads.size()` dimensions, first to last (NB: PyTorch lists them last to first).
Variable pad(const Variable& x, const std::vector<Padding>& pads, double value = 0);

}  // namespace duel
