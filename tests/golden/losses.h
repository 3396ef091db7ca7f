// Losses against losses.json: values, gradients and double gradients, as to_second_order in make_golden_losses.py.
#pragma once

#include <doctest/doctest.h>

#include "duel/autograd/gradcheck.h"
#include "duel/autograd/ops.h"
#include "tests/golden/nn.h"

namespace duel::testing {

inline Golden golden_loss(const std::string& group) { return Golden(group, "losses.json"); }

/// `prefix` stands before each key of the group.
inline void check_second_order(const Golden& golden, const std::string& prefix, const DifferentiableFunction& loss,
                               const std::vector<Tensor>& inputs) {
  Variables x;
  for (const Tensor& t : inputs) x.push_back(Variable::leaf(t));
  const Variable values = loss(x);
  CHECK(golden.difference_of(prefix + "values", values.value()) <= tolerance::kGolden);
  const Variables grads =
      grad(values, x, {.create_graph = true, .allow_unused = true, .grad_output = numbers(values.shape(), 100)});
  Variable along = 0 * sum(x[0]);  // in the graph even where the gradients are constants
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(golden.difference_of(cat(prefix, "grad ", i), grads[i].value()) <= tolerance::kGolden);
    along = along + sum(grads[i] * numbers(x[i].shape(), 200 + i));
  }
  const Variables again = grad(along, x, {.allow_unused = true});
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(golden.difference_of(cat(prefix, "double grad ", i), again[i].value()) <= tolerance::kGolden);
}

}  // namespace duel::testing
