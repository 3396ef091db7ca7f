// Rows of autograd/pointwise.h, with the formulas as the C library writes them.
#include <cmath>

#include "tests/autograd/pointwise_cases.h"

namespace duel::testing {
namespace {

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

Row power_row() {
  Row power{
      "pow",
      Recipe::pointwise,
      {"unary/pow", "binary/power"},
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
  append(power.cases, binary_cases([](const Variable& a, const Variable& b) { return pow(a, b); }, std::pow, kPositive,
                                   {}, "variable"));
  return power;
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
  const Domain between_integers{.kinks = {-1, 0, 1}}, between_halves{.kinks = {-1.5, -0.5, 0.5, 1.5}};
  add(unary_row("floor", floor, std::floor, between_integers, {"unary/floor"}));
  add(unary_row("ceil", ceil, std::ceil, between_integers, {"unary/ceil"}));
  add(unary_row("round", round, std::nearbyint, between_halves, {"unary/round"}));
  add(unary_row("exp", exp, std::exp, {}, {"unary/exp"}));
  add(unary_row("expm1", expm1, std::expm1, {}, {"unary/expm1"}));
  add(unary_row("log", log, std::log, kPositive, {"unary/log"}));
  add(unary_row("log1p", log1p, std::log1p, {.low = -0.5, .high = 1}, {"unary/log1p"}));
  add(unary_row("sqrt", sqrt, std::sqrt, kPositive, {"unary/sqrt"}));
  add(unary_row("rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }, kPositive, {"unary/rsqrt"}));
  add(unary_row("square", square, [](double x) { return x * x; }, {}, {"unary/square"}));
  add(unary_row("reciprocal", reciprocal, [](double x) { return 1 / x; }, kNoZero, {"unary/reciprocal"}));
  add(power_row());
  add(unary_row("sin", sin, std::sin, {}, {"unary/sin"}));
  add(unary_row("cos", cos, std::cos, {}, {"unary/cos"}));
  add(unary_row("erf", erf, std::erf, {}, {"unary/erf"}));
  add({"clamp",
       Recipe::pointwise,
       {"unary/clamp", "binary/clamp_grad"},
       {},
       unary_cases(
           "", [](const Variable& x) { return clamp(x, -0.6, 0.8); },
           [](double x) { return std::fmin(std::fmax(x, -0.6), 0.8); }, {.kinks = {-0.6, 0.8}})});
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
