// Rows of autograd/pointwise.h, with the formulas as the C library writes them.
#include <cmath>

#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

using Unary = double (*)(double);
using Binary = double (*)(double, double);

Reference each(Unary f) {
  return [f](const std::vector<Array>& in) {
    Array y = in[0];
    for (double& v : y.values) v = f(v);
    return y;
  };
}

Reference each(Binary f) {
  return [f](const std::vector<Array>& in) {
    Array y = Array::zeros(broadcast_shapes("reference", in[0].shape, in[1].shape));
    for_each_index(y.shape, [&](const Shape& i) { y.at(i) = f(in[0].at(i), in[1].at(i)); });
    return y;
  };
}

std::vector<Case> unary_cases(const std::string& label, const std::function<Variable(const Variable&)>& f,
                              Unary reference, const Domain& domain = {}) {
  std::vector<Case> cases;
  const std::pair<const char*, Shape> shapes[] = {{"scalar", {}},          {"one", {1}},
                                                  {"prime", {7}},          {"empty", {0, 3}},
                                                  {"image", {2, 3, 1, 5}}, {"batch 1", {1, 1, 4, 3}}};
  for (const auto& [name, shape] : shapes)
    cases.push_back({label.empty() ? name : label + ", " + name,
                     {{shape, domain}},
                     [f](const Variables& x) { return f(x[0]); },
                     each(reference)});
  return cases;
}

std::vector<Case> binary_cases(const std::function<Variable(const Variable&, const Variable&)>& f, Binary reference,
                               const Domain& a = {}, const Domain& b = {}) {
  struct Shapes {
    const char* name;
    Shape a, b;
  };
  const Shapes shapes[] = {{"same", {3, 5}, {3, 5}},   {"outer", {3, 1}, {1, 5}}, {"channel", {2, 3, 2, 2}, {3, 1, 1}},
                           {"scalar", {}, {7}},        {"empty", {0, 3}, {1, 3}}, {"one", {1}, {1}},
                           {"grow", {1, 5}, {2, 1, 5}}};
  std::vector<Case> cases;
  for (const auto& [name, sa, sb] : shapes)
    cases.push_back({name, {{sa, a}, {sb, b}}, [f](const Variables& x) { return f(x[0], x[1]); }, each(reference)});
  return cases;
}

Row unary_row(const char* name, Variable (*f)(const Variable&), Unary reference, const Domain& domain,
              std::vector<std::string> kernels) {
  return {name, Recipe::pointwise, std::move(kernels), {}, unary_cases("", f, reference, domain)};
}

void append(std::vector<Case>& cases, const std::vector<Case>& more) {
  cases.insert(cases.end(), more.begin(), more.end());
}

const Domain kPositive{.low = 0.5, .high = 2};
const Domain kNoZero{.low = 0.5, .high = 1.5};
const Domain kKinkAtZero{.kinks = {0}};

std::vector<Row> operator_rows() {
  using std::vector;
  vector<Row> rows{{"operator+",
                    Recipe::linear,
                    {"binary/add"},
                    {0, 1},
                    binary_cases([](const Variable& a, const Variable& b) { return a + b; },
                                 [](double a, double b) { return a + b; }),
                    kAnyOrder,
                    3},
                   {"operator-",
                    Recipe::linear,
                    {"binary/sub"},
                    {0, 1},
                    binary_cases([](const Variable& a, const Variable& b) { return a - b; },
                                 [](double a, double b) { return a - b; })},
                   {"operator*",
                    Recipe::pointwise,
                    {"binary/mul"},
                    {0, 1},
                    binary_cases([](const Variable& a, const Variable& b) { return a * b; },
                                 [](double a, double b) { return a * b; })},
                   {"operator/",
                    Recipe::pointwise,
                    {"binary/div"},
                    {0},
                    binary_cases([](const Variable& a, const Variable& b) { return a / b; },
                                 [](double a, double b) { return a / b; }, {}, kNoZero)}};
  append(rows[0].cases, unary_cases(
                            "x + c", [](const Variable& x) { return x + 0.7; }, [](double x) { return x + 0.7; }));
  append(rows[0].cases, unary_cases(
                            "c + x", [](const Variable& x) { return 0.7 + x; }, [](double x) { return 0.7 + x; }));
  append(rows[1].cases, unary_cases(
                            "-x", [](const Variable& x) { return -x; }, [](double x) { return -x; }));
  append(rows[1].cases, unary_cases(
                            "x - c", [](const Variable& x) { return x - 0.7; }, [](double x) { return x - 0.7; }));
  append(rows[1].cases, unary_cases(
                            "c - x", [](const Variable& x) { return 0.7 - x; }, [](double x) { return 0.7 - x; }));
  append(rows[2].cases, unary_cases(
                            "x * c", [](const Variable& x) { return x * 0.7; }, [](double x) { return x * 0.7; }));
  append(rows[2].cases, unary_cases(
                            "c * x", [](const Variable& x) { return 0.7 * x; }, [](double x) { return 0.7 * x; }));
  append(rows[3].cases, unary_cases(
                            "x / c", [](const Variable& x) { return x / 0.7; }, [](double x) { return x / 0.7; }));
  return rows;
}

}  // namespace

std::vector<Row> pointwise_rows() {
  std::vector<Row> rows = operator_rows();
  const auto add = [&](Row row) { rows.push_back(std::move(row)); };
  add({"affine",
       Recipe::linear,
       {"unary/affine"},
       {0},
       unary_cases(
           "", [](const Variable& x) { return affine(x, -1.3, 0.4); }, [](double x) { return -1.3 * x + 0.4; })});
  add(unary_row("abs", abs, std::fabs, kKinkAtZero, {"unary/abs", "binary/abs_grad"}));
  add(unary_row("sign", sign, [](double x) { return double((x > 0) - (x < 0)); }, kKinkAtZero, {"unary/sign"}));
  add(unary_row("exp", exp, std::exp, {}, {"unary/exp"}));
  add(unary_row("log", log, std::log, kPositive, {"unary/log"}));
  add(unary_row("log1p", log1p, std::log1p, {.low = -0.5, .high = 1}, {"unary/log1p"}));
  add(unary_row("sqrt", sqrt, std::sqrt, kPositive, {"unary/sqrt"}));
  add(unary_row("rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }, kPositive, {"unary/rsqrt"}));
  add(unary_row("square", square, [](double x) { return x * x; }, {}, {"unary/square"}));
  add(unary_row("reciprocal", reciprocal, [](double x) { return 1 / x; }, kNoZero, {"unary/reciprocal"}));
  Row power{
      "pow",
      Recipe::pointwise,
      {"unary/pow"},
      {},
      unary_cases(
          "2.5", [](const Variable& x) { return pow(x, 2.5); }, [](double x) { return std::pow(x, 2.5); }, kPositive)};
  append(power.cases, unary_cases(
                          "-1.5", [](const Variable& x) { return pow(x, -1.5); },
                          [](double x) { return std::pow(x, -1.5); }, kPositive));
  append(power.cases, unary_cases(
                          "3", [](const Variable& x) { return pow(x, 3); },
                          [](double x) { return std::pow(x, 3); }));  // negative bases too
  append(power.cases, unary_cases(
                          "0", [](const Variable& x) { return pow(x, 0); }, [](double) { return 1.0; }));
  add(power);
  add({"clamp",
       Recipe::pointwise,
       {"unary/clamp", "binary/clamp_grad"},
       {},
       unary_cases(
           "", [](const Variable& x) { return clamp(x, -0.6, 0.8); },
           [](double x) { return std::fmin(std::fmax(x, -0.6), 0.8); }, {.kinks = {-0.6, 0.8}})});
  add(unary_row("relu", relu, [](double x) { return std::fmax(x, 0); }, kKinkAtZero,
                {"unary/relu", "binary/relu_grad"}));
  add({"leaky_relu",
       Recipe::pointwise,
       {"unary/leaky_relu", "binary/leaky_relu_grad"},
       {},
       unary_cases(
           "", [](const Variable& x) { return leaky_relu(x); }, [](double x) { return x > 0 ? x : 0.2 * x; },
           kKinkAtZero),
       kAnyOrder,
       3});
  add(unary_row("tanh", tanh, std::tanh, {}, {"unary/tanh", "binary/tanh_grad"}));
  add(unary_row("sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, {},
                {"unary/sigmoid", "binary/sigmoid_grad"}));
  add(unary_row("softplus", softplus, [](double x) { return std::log(1 + std::exp(x)); }, {},
                {"unary/softplus", "binary/softplus_grad"}));
  add(unary_row("log_sigmoid", log_sigmoid, [](double x) { return -std::log(1 + std::exp(-x)); }, {}, {}));
  // The two operands from interleaving ranges, so that each is sometimes the larger but they are never close.
  const Domain a{.low = -1.5, .high = 1.5, .kinks = {-0.9, -0.3, 0.3, 0.9}, .margin = 0.2};
  const Domain b{.low = -1.2, .high = 1.2, .kinks = {-1.2, -0.6, 0, 0.6, 1.2}, .margin = 0.2};
  add({"maximum", Recipe::pointwise, {"binary/maximum"}, {}, binary_cases(maximum, std::fmax, a, b)});
  add({"minimum", Recipe::pointwise, {"binary/minimum"}, {}, binary_cases(minimum, std::fmin, a, b)});
  add({"cast",
       Recipe::linear,
       {"copy"},
       {0},
       unary_cases(
           "", [](const Variable& x) { return cast(x, x.dtype()); }, [](double x) { return x; })});
  return rows;
}

}  // namespace duel::testing
