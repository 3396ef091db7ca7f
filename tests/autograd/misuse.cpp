#include "tests/autograd/misuse.h"

#include <doctest/doctest.h>

#include "tests/support/tensors.h"

namespace duel::testing {

Variable f32(const Shape& shape) { return Variable::leaf(Tensor::zeros(shape)); }
Variable f64(const Shape& shape) { return Variable::leaf(Tensor::zeros(shape, {.dtype = DType::float64})); }
Tensor i64(const Shape& shape) { return Tensor::zeros(shape, {.dtype = DType::int64}); }

void check_misuses(const std::vector<Misuse>& misuses) {
  for (const Misuse& m : misuses) {
    const std::string message = error_of(m.call);
    INFO(std::string(m.operation), " said: ", message);
    CHECK(!message.empty());
    for (const std::string& part : m.said) CHECK_MESSAGE(message.find(part) != std::string::npos, "without ", part);
    // Helpers of Tensor speak for the operation in a few places; the message must name either.
    CHECK((message.find(m.operation) != std::string::npos || message.starts_with("Tensor")));
  }
}

}  // namespace duel::testing
