// Rows of autograd/matmul.h.
#include <algorithm>

#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

// a [..., M, K], b [..., K, N]
Array product(const Array& a, const Array& b) {
  const int da = a.shape.dim(), db = b.shape.dim(), dims = std::max(da, db);
  Shape left = a.shape, right = b.shape;
  left[da - 1] = left[da - 2] = right[db - 1] = right[db - 2] = 1;
  Shape shape = broadcast_shapes("reference", left, right);
  shape[dims - 2] = a.shape[da - 2];
  shape[dims - 1] = b.shape[db - 1];
  Array y = Array::zeros(shape);
  for_each_index(shape, [&](const Shape& i) {
    Shape ia = i, ib = i;
    for (std::int64_t k = 0; k < a.shape[da - 1]; ++k) {
      ia[dims - 1] = ib[dims - 2] = k;
      y.at(i) += a.at(ia) * b.at(ib);
    }
  });
  return y;
}

Case matmul_case(const char* label, const Shape& a, const Shape& b) {
  return {label,
          {{a}, {b}},
          [](const Variables& x) { return matmul(x[0], x[1]); },
          [](const std::vector<Array>& in) { return product(in[0], in[1]); }};
}

Case linear_case(const char* label, std::int64_t n, std::int64_t in, std::int64_t out, bool with_bias) {
  std::vector<Input> inputs{{{n, in}}, {{out, in}}};
  if (with_bias) inputs.push_back({{out}});
  return {label, inputs, [with_bias](const Variables& x) { return linear(x[0], x[1], with_bias ? x[2] : Variable()); },
          [=](const std::vector<Array>& x) {
            Array y = Array::zeros({n, out});
            for_each_index(y.shape, [&](const Shape& i) {
              if (with_bias) y.at(i) = x[2].at({i[1]});
              for (std::int64_t k = 0; k < in; ++k) y.at(i) += x[0].at({i[0], k}) * x[1].at({i[1], k});
            });
            return y;
          }};
}

}  // namespace

std::vector<Row> product_rows() {
  std::vector<Row> rows;
  rows.push_back({"matmul",
                  Recipe::linear,
                  {"matmul"},
                  {0, 1},
                  {matmul_case("odd", {3, 5}, {5, 7}), matmul_case("one", {1, 1}, {1, 1}),
                   matmul_case("row", {1, 7}, {7, 5}), matmul_case("column", {7, 5}, {5, 1}),
                   matmul_case("batch", {3, 2, 5}, {3, 5, 4}), matmul_case("broadcast", {2, 1, 3, 4}, {3, 4, 2}),
                   matmul_case("shared", {3, 2, 5}, {5, 3}), matmul_case("no rows", {0, 3}, {3, 2}),
                   matmul_case("no inner", {2, 0}, {0, 3}), matmul_case("larger", {17, 33}, {33, 19})}});
  rows.push_back(
      {"linear",
       Recipe::linear,
       {},
       {0, 1, 2},
       {linear_case("bias", 3, 5, 7, true), linear_case("no bias", 3, 5, 7, false),
        linear_case("batch 1", 1, 7, 2, true), linear_case("one", 1, 1, 1, true), linear_case("empty", 0, 3, 2, true)},
       kAnyOrder,
       3});
  return rows;
}

}  // namespace duel::testing
