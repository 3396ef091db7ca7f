// Rows of autograd/activations.h, with the formulas as the papers write them.
#include <cmath>

#include "tests/autograd/pointwise_cases.h"

namespace duel::testing {
namespace {

const Domain kKinkAtZero{.kinks = {0}};

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double elu_of(double x, double alpha) { return x > 0 ? x : alpha * (std::exp(x) - 1); }
double gelu_of(double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }
double gelu_tanh_of(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

Row elu_row() {
  Row row = unary_row(
      "elu", [](const Variable& x) { return elu(x); }, [](double x) { return elu_of(x, 1); }, kKinkAtZero,
      {"unary/elu", "binary/elu_grad"});
  append(row.cases, unary_cases(
                        "alpha", [](const Variable& x) { return elu(x, 0.3); }, [](double x) { return elu_of(x, 0.3); },
                        kKinkAtZero));
  return row;
}

Row softplus_row() {
  Row row = unary_row(
      "softplus", [](const Variable& x) { return softplus(x); }, [](double x) { return std::log(1 + std::exp(x)); }, {},
      {"unary/softplus", "binary/softplus_grad"});
  append(row.cases, unary_cases(
                        "beta", [](const Variable& x) { return softplus(x, 2.5); },
                        [](double x) { return std::log(1 + std::exp(2.5 * x)) / 2.5; }));
  return row;
}

Row hardtanh_row() {
  Row row = unary_row(
      "hardtanh", [](const Variable& x) { return hardtanh(x); },
      [](double x) { return std::fmin(std::fmax(x, -1), 1); }, {.kinks = {-1, 1}}, {});
  append(row.cases, unary_cases(
                        "bounds", [](const Variable& x) { return hardtanh(x, -0.25, 0.6); },
                        [](double x) { return std::fmin(std::fmax(x, -0.25), 0.6); }, {.kinks = {-0.25, 0.6}}));
  return row;
}

Row gelu_row() {
  Row row = unary_row("gelu", [](const Variable& x) { return gelu(x); }, gelu_of, {},
                      {"unary/gelu", "binary/gelu_grad", "unary/gelu_tanh", "binary/gelu_tanh_grad"});
  append(row.cases, unary_cases(
                        "tanh", [](const Variable& x) { return gelu(x, GeluForm::tanh); }, gelu_tanh_of));
  return row;
}

}  // namespace

std::vector<Row> activation_rows() {
  Row leaky = unary_row(
      "leaky_relu", [](const Variable& x) { return leaky_relu(x); }, [](double x) { return x > 0 ? x : 0.2 * x; },
      kKinkAtZero, {"unary/leaky_relu", "binary/leaky_relu_grad"});
  leaky.checked_order = 3;
  return {
      unary_row("relu", relu, [](double x) { return std::fmax(x, 0); }, kKinkAtZero,
                {"unary/relu", "binary/relu_grad"}),
      leaky,
      elu_row(),
      unary_row("selu", selu, [](double x) { return 1.0507009873554805 * elu_of(x, 1.6732632423543772); }, kKinkAtZero,
                {}),
      unary_row("tanh", tanh, std::tanh, {}, {"unary/tanh", "binary/tanh_grad"}),
      hardtanh_row(),
      unary_row("sigmoid", sigmoid, sigmoid_of, {}, {"unary/sigmoid", "binary/sigmoid_grad"}),
      unary_row("log_sigmoid", log_sigmoid, [](double x) { return std::log(sigmoid_of(x)); }, {}, {}),
      softplus_row(),
      unary_row("silu", silu, [](double x) { return x * sigmoid_of(x); }, {}, {"unary/silu", "binary/silu_grad"}),
      gelu_row(),
  };
}

}  // namespace duel::testing
