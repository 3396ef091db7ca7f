// The residual networks of BigGAN-PyTorch, mimicry and MMGeneration against PyTorch's (make_golden_biggan.py): names,
// values, gradients, running statistics and singular vectors after a step, evaluation, and the R1 penalty's gradients.
#pragma once

#include "tests/gan/network_checks.h"

namespace duel::testing {

/// Makes a module one of float64 with numbers in [-1, 1) for each name: times 2 / sqrt(elements per row) for matrices,
/// plus 1.5 for variances.
template <class Module>
void set_state(Module& module) {
  to(module, DType::float64);
  std::uint64_t seed = 1;
  for (auto& [name, t] : state_dict(module)) {
    const std::uint64_t own = seed++;
    if (!is_floating(t.dtype()) || name.ends_with("counter")) continue;
    const double scale = t.dim() < 2 ? 1 : 2 / std::sqrt(static_cast<double>(t.numel() / t.size(0)));
    Tensor(t).copy_((scale * Variable(numbers(t.shape(), own)) + (name.ends_with("var") ? 1.5 : 0)).value());
  }
}

template <class Module>
std::vector<Tensor> floating_buffers(Module& module) {
  struct Collect : Visitor {
    std::map<std::string, Tensor> found;
    void on_parameter(const std::string&, Variable&) override {}
    void on_buffer(const std::string& name, Tensor& b) override {
      if (is_floating(b.dtype())) found[name] = b;
    }
  } collect;
  module.visit(collect);
  std::vector<Tensor> buffers;
  for (const auto& [name, b] : collect.found) buffers.push_back(b);
  return buffers;
}

/// All that `group` of the golden `file` has; x is of this shape. `forward` runs the network.
template <class Module>
void check_whole_network(const std::string& file, const std::string& group, Module module, const Shape& shape,
                         const Forward<Module>& forward) {
  CAPTURE(group);
  const Golden golden(group, file);
  const auto agrees = [&](const std::string& key, const Tensor& t) {
    CAPTURE(key);
    CHECK(golden.difference_of(key, t) <= tolerance::kGolden);
  };
  std::vector<std::string> names, shapes;
  for (const auto& [name, t] : state_dict(module)) {
    names.push_back(name);
    shapes.push_back(cat(t.shape()));
  }
  REQUIRE(names == golden.names("state"));
  if (golden.has("shapes")) CHECK(shapes == golden.names("shapes"));

  set_state(module);
  const Variable x = Variable::leaf(numbers(shape, 100));
  const Variables p = sorted_parameters(module);
  Variables inputs{x};
  inputs.insert(inputs.end(), p.begin(), p.end());
  const Variable y = forward(module, x, {});
  agrees("y", sample(y.value()));
  const Variables grads = grad(sum(y * numbers(y.shape(), 200)), inputs);
  agrees("dx", sample(grads[0].value()));
  agrees("grads", digests(values_of({grads.begin() + 1, grads.end()}), 300));
  if (golden.has("buffers")) agrees("buffers", digests(floating_buffers(module), 500));
  agrees("eval", sample(forward(module, x, kEvaluation).value()));
  if (golden.has("r1")) {
    const Variable dx = grad(sum(forward(module, x, {})), {x}, {.create_graph = true})[0];
    const Variable r1 = sum(square(dx));
    agrees("r1", r1.value());
    agrees("r1_grads", digests(values_of(grad(r1, p, {.allow_unused = true})), 700));
  }
}

/// The output and its gradient with respect to x, in float32.
template <class Module>
void check_single_precision(const std::string& file, const std::string& group, Module module, const Shape& shape,
                            const Forward<Module>& forward) {
  CAPTURE(group);
  const Golden golden(group, file);
  set_state(module);
  to(module, DType::float32);
  const Variable x = Variable::leaf(numbers(shape, 100).to(DType::float32));
  const Variable y = forward(module, x, {});
  const Variable dx = grad(sum(y * numbers(y.shape(), 200).to(DType::float32)), {x})[0];
  CHECK(golden.difference_of("y", sample(y.value())) <= tolerance::kGoldenSingle);
  CHECK(golden.difference_of("dx", sample(dx.value())) <= tolerance::kGoldenSingle);
}

/// The same for those of biggan.json.
template <class Module>
void check_residual_network(const std::string& group, Module module, const Shape& shape, const Tensor& labels = {}) {
  check_whole_network<Module>("biggan.json", group, std::move(module), shape,
                              [&](Module& m, const Variable& x, const Pass& pass) { return m(x, labels, pass); });
}

template <class Module>
bool has_names(Module& module, std::initializer_list<const char*> names) {
  const StateDict state = state_dict(module);
  return std::all_of(names.begin(), names.end(), [&](const char* name) { return state.contains(name); });
}

}  // namespace duel::testing
