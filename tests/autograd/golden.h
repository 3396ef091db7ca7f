// tests/golden/operations/*.json, read.
#pragma once

#include <string>
#include <vector>

#include "tests/autograd/op_table.h"

namespace duel::testing {

/// One case of the op table as PyTorch computes it; float64. See golden/make_golden.py.
struct GoldenCase {
  std::string operation, label;
  std::vector<Tensor> inputs;
  Tensor output, cotangent;
  std::vector<Tensor> grads;         ///< of <output, cotangent>, per input
  std::vector<Tensor> directions;    ///< per input
  std::vector<Tensor> double_grads;  ///< of sum_i <grads_i, directions_i>, per input and of the cotangent
};

const std::vector<GoldenCase>& golden_cases();

}  // namespace duel::testing
