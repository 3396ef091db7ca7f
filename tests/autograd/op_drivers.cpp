#include "tests/autograd/op_drivers.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

constexpr std::int64_t kCommon = 5;  // elements of the common variable

}  // namespace

GradcheckOptions gradcheck_options(const Row& row) {
  return {.max_order = row.checked_order,
          .tolerances = {std::begin(tolerance::kGradcheck), std::end(tolerance::kGradcheck)}};
}

DifferentiableFunction composed(const Case& c) {
  const std::vector<Tensor> inputs = inputs_of(c);
  Rng rng(13);
  std::vector<Tensor> mixers;
  for (const Tensor& x : inputs) mixers.push_back(random_tensor(rng, {x.numel(), kCommon}));
  double size = 1;  // tanh is to bend its arguments, not to flatten them
  for (double v : doubles(value_of(c.f, inputs))) size = std::max(size, std::abs(v));
  return [f = c.f, mixers, size](const Variables& xs) {
    const Variable t = reshape(xs[0], {kCommon, 1});
    Variables mixed;
    for (std::size_t i = 0; i < mixers.size(); ++i)
      mixed.push_back(xs[i + 1] * affine(tanh(reshape(matmul(mixers[i], t), xs[i + 1].shape())), 0.02, 1));
    return sum(square(tanh(f(mixed) / size)));
  };
}

std::vector<Tensor> composed_inputs(const Case& c) {
  std::vector<Tensor> inputs = inputs_of(c);
  Rng rng(17);
  inputs.insert(inputs.begin(), random_tensor(rng, {kCommon}));
  return inputs;
}

Tensor value_of(const DifferentiableFunction& f, const std::vector<Tensor>& inputs) {
  return f(Variables(inputs.begin(), inputs.end())).value();
}

std::vector<Tensor> value_and_gradients(const DifferentiableFunction& f, const std::vector<Tensor>& inputs,
                                        const Tensor& cotangent) {
  Variables xs;
  for (const Tensor& x : inputs) xs.push_back(Variable::leaf(x));
  const Variable y = f(xs);
  std::vector<Tensor> out{y.value()};
  for (const Variable& g : grad(y, xs, {.allow_unused = true, .grad_output = cotangent})) out.push_back(g.value());
  return out;
}

}  // namespace duel::testing
