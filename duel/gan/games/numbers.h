// Numbers: what a step of training tells, by name.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duel {

/// Names and values, in the order in which they were first set.
class Numbers {
 public:
  /// Adds it, as 0, if there is none of that name.
  double& operator[](std::string_view name) {
    for (auto& [known, value] : values_)
      if (known == name) return value;
    return values_.emplace_back(name, 0).second;
  }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  const double* find(std::string_view name) const {
    for (const auto& [known, value] : values_)
      if (known == name) return &value;
    return nullptr;
  }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  friend bool operator==(const Numbers&, const Numbers&) = default;

 private:
  std::vector<std::pair<std::string, double>> values_;
};

}  // namespace duel
