// What most operations ask of their input.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

inline void check_floating(const char* operation, const Variable& x) {
  check(x.defined(), operation, "the input is undefined");
  check(is_floating(x.dtype()), operation, "needs float32 or float64, got ", x.value());
}

}  // namespace duel
