// What most operations ask of their input.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

inline void check_floating(const char* operation, const Variable& x) {
  check(x.defined(), operation, "the input is undefined");
  check(is_floating(x.dtype()), operation, "needs float32 or float64, got ", x.value());
}

/// Throws unless `b` (or nothing) lies where `a` does.
inline void check_devices(const char* operation, const Tensor& a, const Tensor& b) {
  check(!b.defined() || a.device() == b.device(), operation, "operands on devices ", a.device(), " and ", b.device());
}

}  // namespace duel
