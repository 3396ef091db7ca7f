#include "tests/autograd/golden.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace duel::testing {
namespace {

using nlohmann::json;

Tensor tensor_of(const json& values, const Shape& shape) {
  return Tensor::from(values.get<std::vector<double>>(), shape);
}

Shape shape_of(const json& j) { return Shape(j.at("shape").get<std::vector<std::int64_t>>()); }

GoldenCase read_case(const std::string& name, const json& j) {
  const std::size_t colon = name.find(": ");
  check(colon != std::string::npos, "golden_cases", "'", name, "' is not 'operation: label'");
  GoldenCase g{name.substr(0, colon), name.substr(colon + 2), {}, {}, {}, {}, {}, {}};
  for (const json& x : j.at("inputs")) g.inputs.push_back(tensor_of(x.at("values"), shape_of(x)));
  const Shape output = shape_of(j.at("output"));
  g.output = tensor_of(j.at("output").at("values"), output);
  g.cotangent = tensor_of(j.at("cotangent"), output);
  for (std::size_t i = 0; i < g.inputs.size(); ++i) {
    g.grads.push_back(tensor_of(j.at("grads").at(i), g.inputs[i].shape()));
    g.directions.push_back(tensor_of(j.at("directions").at(i), g.inputs[i].shape()));
    g.double_grads.push_back(tensor_of(j.at("double_grads").at(i), g.inputs[i].shape()));
  }
  g.double_grads.push_back(tensor_of(j.at("double_grads").at(g.inputs.size()), output));
  return g;
}

}  // namespace

const std::vector<GoldenCase>& golden_cases() {
  static const std::vector<GoldenCase> cases = [] {
    std::vector<GoldenCase> all;
    for (const auto& family : std::filesystem::directory_iterator(DUEL_SOURCE_DIR "/tests/golden/operations")) {
      std::ifstream in(family.path());
      check(in.good(), "golden_cases", "cannot read ", family.path().string());
      const json cases_of_family = json::parse(in);
      for (const auto& [name, j] : cases_of_family.items()) all.push_back(read_case(name, j));
    }
    return all;
  }();
  return cases;
}

}  // namespace duel::testing
