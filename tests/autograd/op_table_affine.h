// What the rows of the normalisations share: the gains, biases and rectifiers that they may come with.
#pragma once

#include <vector>

#include "tests/autograd/op_table.h"

namespace duel::testing {

enum class Affine : std::uint8_t { none, gain, both, conditional };  // conditional: [N, C]

/// x, and what parameters there are.
inline std::vector<Input> inputs_of(const Shape& x, Affine affine) {
  const Shape parameter = affine == Affine::conditional ? Shape{x[0], x[1]} : Shape{x[1]};
  std::vector<Input> inputs{{x}};
  if (affine != Affine::none) inputs.push_back({parameter, {.low = 0.5, .high = 1.5}});
  if (affine != Affine::none && affine != Affine::gain) inputs.push_back({parameter});
  return inputs;
}

inline Variable gain_of(const Variables& x) { return x.size() > 1 ? x[1] : Variable(); }
inline Variable bias_of(const Variables& x) { return x.size() > 2 ? x[2] : Variable(); }

inline Array rectified(Array y, Rectifier r) {
  for (double& v : y.values) v = v > 0 ? v : r.slope * v;
  return y;
}
inline Variable rectified_composite(const Variable& y, Rectifier r) {
  return r == Rectifier() ? y : leaky_relu(y, r.slope);
}
/// The inputs in which it is not linear: with a rectifier in none.
inline std::vector<int> bent_by(Rectifier r) {
  return r == Rectifier() ? std::vector<int>{} : std::vector<int>{0, 1, 2};
}

}  // namespace duel::testing
