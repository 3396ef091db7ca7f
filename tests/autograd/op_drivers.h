// What is done to every row of the op table and needed in more than one test.
#pragma once

#include <vector>

#include "tests/autograd/op_table.h"

namespace duel::testing {

/// Options of gradcheck for this row, with the tolerances of the tests.
GradcheckOptions gradcheck_options(const Row& row);

/// The case inside a nonlinear function of inputs that depend on one common variable, which is input 0:
/// sum(square(tanh(f(x_i * (1 + 0.02 tanh(M_i t)))))).
DifferentiableFunction composed(const Case& c);
/// Its inputs.
std::vector<Tensor> composed_inputs(const Case& c);

/// f at constants.
Tensor value_of(const DifferentiableFunction& f, const std::vector<Tensor>& inputs);
/// f's value, then the gradients of <f, cotangent> with respect to every input.
std::vector<Tensor> value_and_gradients(const DifferentiableFunction& f, const std::vector<Tensor>& inputs,
                                        const Tensor& cotangent);

}  // namespace duel::testing
