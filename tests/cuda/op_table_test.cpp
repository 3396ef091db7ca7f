// The op table on CUDA: every case of every row, with its gradients and double gradients, against the CPU in float64.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/autograd/op_drivers.h"
#include "tests/cuda/twins.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

Tensor random_like(Rng& rng, const Tensor& t) { return random_tensor(rng, t.shape()); }

// A case with all that is needed to differentiate it twice; float64, on the CPU.
struct Probe {
  std::vector<Tensor> inputs;
  Tensor cotangent;
  std::vector<Tensor> directions;  // of the gradients, per input

  explicit Probe(const Case& c) : inputs(inputs_of(c)) {
    Rng rng(23);
    cotangent = random_like(rng, value_of(c.f, inputs));
    for (const Tensor& x : inputs) directions.push_back(random_like(rng, x));
  }
  // All rounded to `dtype`.
  void round_to(DType dtype) {
    convert([&](const Tensor& t) { return t.to(dtype).to(DType::float64); });
  }
  template <class F>
  void convert(F&& f) {
    for (Tensor& t : inputs) t = f(t);
    for (Tensor& t : directions) t = f(t);
    cotangent = f(cotangent);
  }
};

// The gradients of <gradients of <f, cotangent>, directions> with respect to every input.
std::vector<Tensor> double_gradients(const DifferentiableFunction& f, const Probe& p) {
  Variables xs;
  for (const Tensor& x : p.inputs) xs.push_back(Variable::leaf(x));
  const Variables first = grad(f(xs), xs, {.create_graph = true, .allow_unused = true, .grad_output = p.cotangent});
  Variable s;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const Variable term = sum(first[i] * p.directions[i]);
    s = s.defined() ? s + term : term;
  }
  std::vector<Tensor> second;
  for (const Variable& g : grad(s, xs, {.allow_unused = true})) second.push_back(g.value());
  return second;
}

// What is to be the same on all devices.
std::vector<Tensor> derivatives(const Row& row, const Case& c, const Probe& p) {
  std::vector<Tensor> all = value_and_gradients(c.f, p.inputs, p.cotangent);
  if (row.highest_order == kAnyOrder)
    for (Tensor& t : double_gradients(c.f, p)) all.push_back(std::move(t));
  return all;
}

template <class Skip>
void check_table(DType dtype, double tolerance, const Skip& skip) {
  for (const Row& row : op_table()) {
    if (skip(row.name)) continue;
    for (const Case& c : row.cases) {
      INFO(row.name, ", ", c.label);
      Probe probe(c);
      probe.round_to(dtype);
      const std::vector<Tensor> expected = derivatives(row, c, probe);
      probe.convert([&](const Tensor& t) { return t.to(dtype).to(Device::cuda); });
      std::vector<Tensor> found;
      REQUIRE_NOTHROW(found = derivatives(row, c, probe));
      REQUIRE(found.size() == expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        CAPTURE(i);  // the value, gradients, double gradients
        CHECK(found[i].device() == Device::cuda);
        CHECK(found[i].dtype() == dtype);
        CHECK(difference(found[i].to(Device::cpu), expected[i]) <= tolerance);
      }
    }
  }
}

TEST_CASE("operations give on CUDA what they give on the CPU, in float64" * on_cuda()) {
  check_table(DType::float64, tolerance::kReference * 10, [](const std::string&) { return false; });
}

TEST_CASE("operations on CUDA in float32 follow the CPU's in float64" * on_cuda()) {
  const PrecisionGuard guard(Precision::fp32);
  check_table(DType::float32, tolerance::kSingle * 10, [](const std::string&) { return false; });
}

// Not the steps, whose values jump where roundings cross them.
TEST_CASE("operations on CUDA in bfloat16 follow the CPU's in float64" * on_cuda()) {
  const std::vector<std::string> steps{"sign", "floor", "ceil", "round"};
  check_table(DType::bfloat16, 0.1, [&](const std::string& name) { return std::ranges::count(steps, name) > 0; });
}

}  // namespace
}  // namespace duel::testing
