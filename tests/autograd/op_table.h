// The op table: a row for every public operation on variables. The drivers (op_table_test.cpp, golden_test.cpp,
// operations_test.cpp) run every row; table_meta_test.cpp fails when an operation or a kernel has none.
//
// To add an operation: its row in the op_table_*.cpp of its family, and, if PyTorch has it, its cases in
// tests/golden/make_golden.py.
#pragma once

#include <string>
#include <vector>

#include "duel/autograd/gradcheck.h"
#include "duel/autograd/ops.h"
#include "tests/autograd/array.h"

namespace duel::testing {

/// How the gradient is made: see docs/gradients.md.
enum class Recipe : std::uint8_t { linear, pointwise, fused };
const char* name_of(Recipe recipe);

struct Input {
  Shape shape;
  Domain domain = {};
};

using Reference = std::function<Array(const std::vector<Array>&)>;

/// An operation with everything but its inputs fixed.
struct Case {
  std::string label;  ///< unique in its row
  std::vector<Input> inputs;
  DifferentiableFunction f;               ///< for inputs of any floating dtype and device
  Reference reference;                    ///< the same by naive loops in float64
  DifferentiableFunction composite = {};  ///< of a fused operation: its definition in other operations
  std::vector<int> bent_in = {};  ///< of the row's `linear_in`, those in which this case is not linear after all
};

constexpr int kAnyOrder = 0;

struct Row {
  std::string name;  ///< as declared: "conv2d", "operator+"
  Recipe recipe;
  std::vector<std::string> kernels;  ///< slots of Backend that it is the test of; of the pointwise ones "unary/exp"
  std::vector<int> linear_in;        ///< inputs in which it is linear but for a constant, the others being fixed
  std::vector<Case> cases;
  int highest_order = kAnyOrder;
  int checked_order = 2;  ///< of the gradcheck by finite differences
};

/// A constant of a case, where its input lies.
inline Tensor beside(const Variable& input, const Tensor& constant) { return constant.to(input.value().device()); }

/// All rows, by family.
const std::vector<Row>& op_table();

/// float64, the same ones each time.
std::vector<Tensor> inputs_of(const Case& c);

std::vector<Row> pointwise_rows();
std::vector<Row> shape_rows();
std::vector<Row> activation_rows();
std::vector<Row> compare_rows();
std::vector<Row> reduce_rows();
std::vector<Row> index_rows();
std::vector<Row> sort_rows();
std::vector<Row> product_rows();
std::vector<Row> einsum_rows();
std::vector<Row> conv2d_rows();
std::vector<Row> norm_rows();
std::vector<Row> spectral_rows();
std::vector<Row> group_norm_rows();
std::vector<Row> softmax_rows();
std::vector<Row> attention_rows();
std::vector<Row> modulated_conv2d_rows();
std::vector<Row> resample_rows();
std::vector<Row> pool_rows();  // and look-up by grids

}  // namespace duel::testing
