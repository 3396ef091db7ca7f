// What is wrong is refused, by name and with the sizes: the table that misuse_*_test.cpp fill.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "duel/autograd/variable.h"

namespace duel::testing {

/// Zeros; float ones are leaves.
Variable f32(const Shape& shape);
Variable f64(const Shape& shape);
Tensor i64(const Shape& shape);

struct Misuse {
  const char* operation;
  std::vector<std::string> said;  ///< parts of the message
  std::function<void()> call;
};

/// Each throws an Error that names the operation and says the parts.
void check_misuses(const std::vector<Misuse>& misuses);

}  // namespace duel::testing
