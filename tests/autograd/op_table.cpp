#include "tests/autograd/op_table.h"

namespace duel::testing {

const char* name_of(Recipe recipe) {
  switch (recipe) {
    case Recipe::linear: return "linear";
    case Recipe::pointwise: return "pointwise";
    case Recipe::fused: return "fused";
  }
  return "?";
}

const std::vector<Row>& op_table() {
  static const std::vector<Row> table = [] {
    std::vector<Row> all;
    for (const auto& family :
         {pointwise_rows(), activation_rows(), compare_rows(), shape_rows(), reduce_rows(), index_rows(), sort_rows(),
          product_rows(), einsum_rows(), conv2d_rows(), norm_rows(), group_norm_rows(), spectral_rows(), softmax_rows(),
          attention_rows(), modulated_conv2d_rows(), resample_rows(), pool_rows()})
      all.insert(all.end(), family.begin(), family.end());
    return all;
  }();
  return table;
}

std::vector<Tensor> inputs_of(const Case& c) {
  Rng rng(7);
  std::vector<Tensor> inputs;
  for (const Input& i : c.inputs) inputs.push_back(random_tensor(rng, i.shape, i.domain));
  return inputs;
}

}  // namespace duel::testing
