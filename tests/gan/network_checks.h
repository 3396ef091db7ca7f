// What is checked of every network: names, values and gradients against PyTorch's (make_golden_cyclegan.py), finite
// differences, and gradients of all parameters.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "duel/autograd/gradcheck.h"
#include "duel/autograd/ops.h"
#include "duel/gan/penalties.h"
#include "tests/golden/nn.h"

namespace duel::testing {

inline constexpr Pass kEvaluation{.mode = Mode::eval};

inline Tensor int_labels(std::initializer_list<std::int64_t> values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

template <class Network>
Network made(const typename Network::Options& o = {}) {
  Rng rng(1);
  return {rng, o};
}

/// Its parameters.
template <class Network>
std::int64_t count(const typename Network::Options& o = {}) {
  Network network = made<Network>(o);
  return count_parameters(network);
}

/// Makes a module one of float64 with numbers in [-1, 1) for parameters, those of matrices and kernels times 2 /
/// sqrt(elements per row), in the order of their names.
template <class Module>
void set_parameters(Module& module) {
  to(module, DType::float64);
  std::uint64_t seed = 1;
  const auto named = named_parameters(module);
  for (const auto& [name, p] : std::map(named.begin(), named.end())) {
    const double rows = p.dim() <= 1 ? 1 : static_cast<double>(p.size(0));
    const double scale = p.dim() <= 1 ? 1 : 2 / std::sqrt(static_cast<double>(p.numel()) / rows);
    Tensor(p.value()).copy_((scale * Variable(numbers(p.shape(), seed++))).value());
  }
}

/// Not more than some 30 elements, evenly spaced.
inline Tensor sample(const Tensor& t) {
  return flatten(t, 0).value().slice(0, 0, t.numel(), std::max<std::int64_t>(1, t.numel() / 19));
}

/// The inner product of each with random numbers.
inline Tensor digests(const std::vector<Tensor>& tensors, std::uint64_t seed) {
  std::vector<double> found;
  for (const Tensor& t : tensors) found.push_back(inner_product(t, numbers(t.shape(), seed++)));
  return Tensor::from(found, {static_cast<std::int64_t>(found.size())});
}

inline std::vector<Tensor> values_of(const Variables& variables) {
  std::vector<Tensor> values;
  for (const Variable& v : variables) values.push_back(v.value());
  return values;
}

/// Parameters in the order of their names.
template <class Module>
Variables sorted_parameters(Module& module) {
  const auto named = named_parameters(module);
  Variables sorted;
  for (const auto& [name, p] : std::map(named.begin(), named.end())) sorted.push_back(p);
  return sorted;
}

template <class Module>
using Forward = std::function<Variable(Module&, const Variable& x, const Pass&)>;

/// Names, output, gradients, running statistics, output in evaluation, and the R1 penalty and its gradients: those of
/// them that `group` of cyclegan.json has; and the output in float32. x is of this shape.
template <class Module>
void check_network(
    const std::string& group, Module module, const Shape& shape,
    const Forward<Module>& forward = [](Module& m, const Variable& x, const Pass& pass) { return m(x, pass); }) {
  CAPTURE(group);
  const Golden golden(group, "cyclegan.json");
  const auto agrees = [&](const std::string& key, const Tensor& t) {
    CAPTURE(key);
    CHECK(golden.difference_of(key, t) <= tolerance::kGolden);
  };
  std::vector<std::string> names;
  for (const auto& [name, t] : state_dict(module)) names.push_back(name);
  CHECK(names == golden.names("state"));

  set_parameters(module);
  const Variable x = Variable::leaf(numbers(shape, 100));
  const Variables p = sorted_parameters(module);
  Variables inputs{x};
  inputs.insert(inputs.end(), p.begin(), p.end());
  const Variable y = forward(module, x, {});
  agrees("y", sample(y.value()));
  const Variables grads = grad(sum(y * numbers(y.shape(), 200)), inputs, {.allow_unused = true});
  agrees("dx", sample(grads[0].value()));
  agrees("grads", digests(values_of({grads.begin() + 1, grads.end()}), 300));
  if (golden.has("running")) {
    std::vector<Tensor> running;
    for (const auto& [name, t] : state_dict(module))
      if (name.find("running") != std::string::npos) running.push_back(t);
    agrees("running", digests(running, 500));
    agrees("eval", sample(forward(module, x, kEvaluation).value()));
  }
  if (golden.has("r1")) {
    const Variable dx = grad(sum(forward(module, x, {})), {x}, {.create_graph = true})[0];
    const Variable r1 = sum(square(dx));
    agrees("r1", r1.value());
    agrees("r1_grads", digests(values_of(grad(r1, p, {.allow_unused = true})), 700));
  }
  to(module, DType::float32);
  const Variable single = forward(module, x.value().to(DType::float32), {});
  CHECK(golden.difference_of("y", sample(single.value())) <= tolerance::kGoldenSingle);
}

/// Finite differences at orders 1 to `orders` in x, of this shape, and all parameters.
template <class Module>
void check_by_differences(
    const std::string& name, Module module, const Shape& shape, int orders,
    const Forward<Module>& forward = [](Module& m, const Variable& x, const Pass& pass) { return m(x, pass); }) {
  CAPTURE(name);
  set_parameters(module);
  std::vector<Tensor> inputs{numbers(shape, 100)};
  for (const Variable& p : parameters(module)) inputs.push_back(p.value());
  struct Replace : Visitor {
    Variables::const_iterator next;
    void on_parameter(const std::string&, Variable& p) override { p = *next++; }
  };
  const auto f = [&](const Variables& given) {
    Module other = clone(module);  // with running statistics of its own
    Replace replace;
    replace.next = given.begin() + 1;
    other.visit(replace);
    return forward(other, given[0], {});
  };
  // Small steps, as there are many kinks; the differences' rounding errors, which they raise, ask for a higher floor.
  const auto& t = tolerance::kGradcheck;
  const GradcheckOptions options{
      .max_order = orders, .step = 1e-5, .floor = 1e-2, .tolerances = {std::begin(t), std::end(t)}};
  CHECK(error_of([&] { expect_gradients(name, f, inputs, options); }) == "");
}

/// The gradients of `loss` are finite and, but for the parameters named in `without`, not zero.
template <class Module>
void check_all_gradients(Module& module, const Variable& loss, const std::set<std::string>& without = {}) {
  const auto named = named_parameters(module);
  const Variables grads = grad(loss, parameters(module), {.allow_unused = true});
  for (std::size_t i = 0; i < grads.size(); ++i) {
    CAPTURE(named[i].first);
    const double size = std::sqrt(inner_product(grads[i].value(), grads[i].value()));
    CHECK(std::isfinite(size));
    if (!without.contains(named[i].first)) CHECK(size > tolerance::kNoGradient);
  }
}

/// The largest size of an element.
inline double largest(const Variable& x) {
  double most = 0;
  for (double v : doubles(x.value())) most = std::max(most, std::abs(v));
  return most;
}

}  // namespace duel::testing
