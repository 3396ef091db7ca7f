// Modules given numbers by their names, and compared with what PyTorch's computed from the same
// (make_golden_layers.py).
#pragma once

#include <doctest/doctest.h>

#include <functional>

#include "duel/autograd/gradcheck.h"
#include "duel/autograd/ops.h"
#include "tests/golden/nn.h"

namespace duel::testing {

inline Golden golden_layer(const std::string& group) { return Golden(group, "layers.json"); }

/// Makes a module one of float64 with `numbers` for its parameters and floating buffers, from seeds `seed`, `seed` + 1,
/// ... in the order of their names.
template <class Module>
void set_state(Module& module, std::uint64_t seed = 1) {
  to(module, DType::float64);
  for (auto& [name, tensor] : state_dict(module))
    if (is_floating(tensor.dtype())) Tensor(tensor).copy_(numbers(tensor.shape(), seed++));
}

template <class Module>
std::vector<std::string> state_names(Module& module) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_dict(module)) names.push_back(name);
  return names;
}

/// The gradients of <y, numbers> for x0, x1, ... and all parameters against those of `golden`.
template <class Module>
void check_gradients(const Golden& golden, Module& module, const Variable& y, const Variables& x,
                     const std::string& prefix = "") {
  std::vector<std::pair<std::string, Variable>> inputs = named_parameters(module);
  for (std::size_t i = 0; i < x.size(); ++i) inputs.emplace_back(cat("x", i), x[i]);
  Variables wanted;
  for (const auto& [name, v] : inputs) wanted.push_back(v);
  const Variables grads = grad(sum(y * numbers(y.shape(), 200)), wanted);
  for (std::size_t i = 0; i < grads.size(); ++i) {
    CAPTURE(inputs[i].first);
    CHECK(golden.difference_of(prefix + inputs[i].first + ".grad", grads[i].value()) <= tolerance::kGolden);
  }
}

/// Names, value and gradients of `forward` with x0, x1, ... of these shapes.
template <class Module>
void check_by_name(const std::string& group, Module module,
                   const std::function<Variable(Module&, const Variables&)>& forward,
                   const std::vector<Shape>& shapes) {
  CAPTURE(group);
  const Golden golden = golden_layer(group);
  CHECK(state_names(module) == golden.names("state"));
  set_state(module);
  Variables x;
  for (std::size_t i = 0; i < shapes.size(); ++i) x.push_back(Variable::leaf(numbers(shapes[i], 100 + i)));
  const Variable y = forward(module, x);
  CHECK(golden.difference_of("y", y.value()) <= tolerance::kGolden);
  check_gradients(golden, module, y, x);
}

/// Finite differences at orders 1 and 2 in the inputs, of these shapes, and in all parameters, of 0.5 + numbers / 2.
template <class Module>
void check_by_differences(const std::string& name, Module module,
                          const std::function<Variable(Module&, const Variables&)>& forward,
                          const std::vector<Shape>& shapes) {
  CAPTURE(name);
  set_state(module, 50);
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i) inputs.push_back(numbers(shapes[i], 100 + i));
  for (const Variable& p : parameters(module)) inputs.push_back((0.5 + 0.5 * p.detach()).value());
  struct Replace : Visitor {
    Variables::const_iterator next;
    void on_parameter(const std::string&, Variable& p) override { p = *next++; }
  };
  const auto f = [&](const Variables& given) {
    Module other = module;
    Replace replace;
    replace.next = given.begin() + static_cast<std::ptrdiff_t>(shapes.size());
    other.visit(replace);
    return forward(other,
                   Variables(given.begin(), replace.next - static_cast<std::ptrdiff_t>(parameters(module).size())));
  };
  const auto& t = tolerance::kGradcheck;
  CHECK(error_of([&] { expect_gradients(name, f, inputs, {.tolerances = {std::begin(t), std::end(t)}}); }) == "");
}

}  // namespace duel::testing
