// Rows of autograd/softmax.h.
#include <cmath>

#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

// Sum of exp over dimension d, which is kept with size 1.
Array denominator(const Array& x, const Shape& dims) {
  Shape shape = x.shape;
  for (std::int64_t d : dims) shape[static_cast<int>(d < 0 ? d + shape.dim() : d)] = 1;
  Array sums = Array::zeros(shape);
  for_each_index(x.shape, [&](const Shape& i) { sums.at(i) += std::exp(x.at(i)); });
  return sums;
}

Reference softmax_reference(int d, bool log) {
  return [d, log](const std::vector<Array>& in) {
    const Array sums = denominator(in[0], {d});
    Array y = in[0];
    for_each_index(y.shape, [&](const Shape& i) {
      y.at(i) = log ? y.at(i) - std::log(sums.at(i)) : std::exp(y.at(i)) / sums.at(i);
    });
    return y;
  };
}

const std::vector<std::pair<const char*, std::pair<Shape, int>>> kSoftmaxes = {
    {"last", {{3, 7}, -1}},      {"first", {{5, 3}, 0}}, {"channels", {{2, 3, 2, 4}, 1}},
    {"vector", {{11}, 0}},       {"wide", {{2, 37}, 1}}, {"one", {{2, 1, 3}, 1}},
    {"batch 1", {{1, 5, 2}, 1}}, {"empty", {{0, 3}, 1}}, {"of nothing", {{2, 0}, 1}}};

std::vector<Case> softmax_cases(Variable (*f)(const Variable&, int), bool log) {
  std::vector<Case> cases;
  for (const auto& [label, what] : kSoftmaxes) {
    const auto& [shape, d] = what;
    cases.push_back({label,
                     {{shape, {.low = -3, .high = 3}}},
                     [f, d = d](const Variables& in) { return f(in[0], d); },
                     softmax_reference(d, log),
                     [d = d, log](const Variables& in) {
                       const Variable e = exp(in[0]), sums = sum(e, {d}, KeepDims::yes);
                       return log ? in[0] - duel::log(sums) : e / sums;
                     }});
  }
  return cases;
}

Case logsumexp_case(const char* label, const Shape& x, const Shape& dims, KeepDims keep, const Shape& result) {
  return {label,
          {{x, {.low = -3, .high = 3}}},
          [dims, keep](const Variables& in) { return logsumexp(in[0], dims, keep); },
          [dims, result](const std::vector<Array>& in) {
            Array y{result, denominator(in[0], dims).values};
            for (double& v : y.values) v = std::log(v);
            return y;
          },
          [dims, keep](const Variables& in) { return log(sum(exp(in[0]), dims, keep)); }};
}

}  // namespace

std::vector<Row> softmax_rows() {
  return {{.name = "softmax",
           .recipe = Recipe::fused,
           .kernels = {"softmax", "softmax_grad"},
           .linear_in = {},
           .cases = softmax_cases(softmax, false)},
          {.name = "log_softmax",
           .recipe = Recipe::fused,
           .kernels = {"log_softmax", "log_softmax_grad"},
           .linear_in = {},
           .cases = softmax_cases(log_softmax, true)},
          {.name = "logsumexp",
           .recipe = Recipe::fused,
           .kernels = {},
           .linear_in = {},
           .cases = {logsumexp_case("last", {3, 7}, {-1}, KeepDims::no, {3}),
                     logsumexp_case("keep", {2, 5, 3}, {1}, KeepDims::yes, {2, 1, 3}),
                     logsumexp_case("two", {2, 3, 1, 5}, {3, 1}, KeepDims::no, {2, 1}),
                     logsumexp_case("one", {2, 1}, {1}, KeepDims::no, {2}),
                     logsumexp_case("vector", {13}, {0}, KeepDims::no, {}),
                     logsumexp_case("none", {2, 3}, {}, KeepDims::no, {2, 3}),
                     logsumexp_case("empty", {0, 3}, {1}, KeepDims::no, {0})}}};
}

}  // namespace duel::testing
