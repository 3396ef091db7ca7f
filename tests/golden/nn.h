// Access to nn.json and losses.json, what PyTorch computed (see make_golden_nn.py and make_golden_losses.py), and the
// inputs it was computed from.
#pragma once

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "duel/nn/module.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

namespace duel::testing {

/// One group of results, by name.
class Golden {
 public:
  explicit Golden(const std::string& group, const std::string& file = "nn.json") : values_(groups(file).at(group)) {}

  bool has(const std::string& key) const { return values_.contains(key); }
  /// float64
  Tensor tensor(const std::string& key) const {
    const nlohmann::json& packed = values_.at(key);
    return Tensor::from(packed.at("values").get<std::vector<double>>(),
                        Shape(packed.at("shape").get<std::vector<std::int64_t>>()));
  }
  std::vector<std::string> names(const std::string& key) const {
    return values_.at(key).get<std::vector<std::string>>();
  }
  /// The distance of `t` from the result (see `difference`).
  double difference_of(const std::string& key, const Tensor& t) const { return difference(t, tensor(key)); }

 private:
  static const nlohmann::json& groups(const std::string& file) {
    static std::map<std::string, nlohmann::json> files;
    nlohmann::json& all = files[file];
    if (all.is_null()) all = nlohmann::json::parse(std::ifstream(DUEL_SOURCE_DIR "/tests/golden/" + file));
    return all;
  }

  const nlohmann::json& values_;
};

/// float64 in [-1, 1).
inline Tensor numbers(const Shape& shape, std::uint64_t seed) {
  return Rng(seed).uniform(shape, -1, 1, {.dtype = DType::float64});
}

/// Makes a module one of float64, its parameters new leaves of `numbers` from seeds `seed`, `seed` + 1, ... in the
/// order of the walk.
template <class Module>
void renumber(Module& module, std::uint64_t seed) {
  struct Renumber : Visitor {
    std::uint64_t next;
    explicit Renumber(std::uint64_t first) : next(first) {}
    void on_parameter(const std::string&, Variable& p) override { p = Variable::leaf(numbers(p.shape(), next++)); }
    void on_buffer(const std::string&, Tensor& b) override {
      if (is_floating(b.dtype())) b = b.to(DType::float64);
    }
  } visitor(seed);
  module.visit(visitor);
}

/// The names of a module's parameters, in the order of the walk.
template <class Module>
std::vector<std::string> parameter_names(Module& module) {
  std::vector<std::string> names;
  for (const auto& [name, p] : named_parameters(module)) names.push_back(name);
  return names;
}

}  // namespace duel::testing
