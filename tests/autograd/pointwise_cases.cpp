#include "tests/autograd/pointwise_cases.h"

namespace duel::testing {
namespace {

std::string labelled(const std::string& label, const char* shape) {
  return label.empty() ? shape : label + ", " + shape;
}

}  // namespace

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
                              Unary reference, const Domain& domain) {
  std::vector<Case> cases;
  const std::pair<const char*, Shape> shapes[] = {{"scalar", {}},          {"one", {1}},
                                                  {"prime", {7}},          {"empty", {0, 3}},
                                                  {"image", {2, 3, 1, 5}}, {"batch 1", {1, 1, 4, 3}}};
  for (const auto& [name, shape] : shapes)
    cases.push_back(
        {labelled(label, name), {{shape, domain}}, [f](const Variables& x) { return f(x[0]); }, each(reference)});
  return cases;
}

std::vector<Case> binary_cases(const std::function<Variable(const Variable&, const Variable&)>& f, Binary reference,
                               const Domain& a, const Domain& b, const std::string& label) {
  struct Shapes {
    const char* name;
    Shape a, b;
  };
  const Shapes shapes[] = {{"same", {3, 5}, {3, 5}},   {"outer", {3, 1}, {1, 5}}, {"channel", {2, 3, 2, 2}, {3, 1, 1}},
                           {"scalar", {}, {7}},        {"empty", {0, 3}, {1, 3}}, {"one", {1}, {1}},
                           {"grow", {1, 5}, {2, 1, 5}}};
  std::vector<Case> cases;
  for (const auto& [name, sa, sb] : shapes)
    cases.push_back({labelled(label, name),
                     {{sa, a}, {sb, b}},
                     [f](const Variables& x) { return f(x[0], x[1]); },
                     each(reference)});
  return cases;
}

Row unary_row(const char* name, const std::function<Variable(const Variable&)>& f, Unary reference,
              const Domain& domain, std::vector<std::string> kernels) {
  return {name, Recipe::pointwise, std::move(kernels), {}, unary_cases("", f, reference, domain)};
}

void append(std::vector<Case>& cases, const std::vector<Case>& more) {
  cases.insert(cases.end(), more.begin(), more.end());
}

}  // namespace duel::testing
