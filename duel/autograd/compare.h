// Comparisons, and what follows from them element by element. All broadcast by NumPy's rule.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

/// a > b, a >= b, a < b, a <= b, a == b, a != b: a constant of the operands' dtype, float32 or float64, that is 1 where
/// it holds and 0 elsewhere. So it can be multiplied with directly; there are no truth-valued tensors. Comparisons with
/// NaN do not hold, but for `ne`. A number is compared in the dtype of a.
Variable gt(const Variable& a, const Variable& b);
Variable ge(const Variable& a, const Variable& b);
Variable lt(const Variable& a, const Variable& b);
Variable le(const Variable& a, const Variable& b);
Variable eq(const Variable& a, const Variable& b);
Variable ne(const Variable& a, const Variable& b);
Variable gt(const Variable& a, double b);
Variable ge(const Variable& a, double b);
Variable lt(const Variable& a, double b);
Variable le(const Variable& a, double b);
Variable eq(const Variable& a, double b);
Variable ne(const Variable& a, double b);

/// a where `condition` (of any dtype, taken as a constant) is not 0, else b; float32 or float64. What is in the branch
/// not taken, NaN and infinity included, touches neither value nor gradient.
Variable where(const Variable& condition, const Variable& a, const Variable& b);
/// `value` where `condition` is not 0, else x. The condition broadcasts to x's shape; the gradient is 0 where it holds.
Variable masked_fill(const Variable& x, const Variable& condition, double value);

}  // namespace duel
