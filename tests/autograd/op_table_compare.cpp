// Rows of autograd/compare.h. Comparisons are constants: each is tried as a factor, and of rounded numbers, so that
// there are equal ones.
#include <cmath>

#include "tests/autograd/pointwise_cases.h"

namespace duel::testing {
namespace {

using Compare = Variable (*)(const Variable&, const Variable&);
using CompareNumber = Variable (*)(const Variable&, double);

const Domain kBetweenHalves{.low = -2, .high = 2, .kinks = {-1.5, -0.5, 0.5, 1.5}};

// `reference` is of a and b, `reference_number` of x and 1.
Row comparison_row(const char* name, const char* kernel, Compare f, CompareNumber f_number, Binary reference,
                   Unary reference_number) {
  Row row{name,
          Recipe::pointwise,
          {kernel},
          {},
          binary_cases([f](const Variable& a, const Variable& b) { return f(round(a), round(b)) * a; }, reference,
                       kBetweenHalves, kBetweenHalves)};
  append(row.cases, unary_cases(
                        "number", [f_number](const Variable& x) { return f_number(round(x), 1) * x; }, reference_number,
                        kBetweenHalves));
  return row;
}

#define DUEL_COMPARISON(name, op)                                                          \
  comparison_row(                                                                          \
      #name, "binary/" #name, name, name,                                                  \
      [](double a, double b) { return std::nearbyint(a) op std::nearbyint(b) ? a : 0.0; }, \
      [](double x) { return std::nearbyint(x) op 1.0 ? x : 0.0; })

// 1 and 0 by turns, more or less.
Tensor pattern(const Shape& shape, DType dtype) {
  std::vector<std::int64_t> v;
  for (std::int64_t i = 0; i < shape.numel(); ++i) v.push_back(i % 3 != 1);
  return Tensor::from(v, shape).to(dtype);
}

Case where_case(const char* label, const Shape& condition, const Shape& a, const Shape& b,
                DType dtype = DType::float64) {
  const Tensor mask = pattern(condition, dtype);
  return {label,
          {{a}, {b}},
          [mask](const Variables& x) { return where(beside(x[0], mask), x[0], x[1]); },
          [mask](const std::vector<Array>& in) {
            const Array c = Array::of(mask);
            Array y = Array::zeros(
                broadcast_shapes("reference", c.shape, broadcast_shapes("reference", in[0].shape, in[1].shape)));
            for_each_index(y.shape, [&](const Shape& i) { y.at(i) = c.at(i) != 0 ? in[0].at(i) : in[1].at(i); });
            return y;
          }};
}

Case fill_case(const char* label, const Shape& x, const Shape& condition, DType dtype = DType::float64) {
  const Tensor mask = pattern(condition, dtype);
  return {label,
          {{x}},
          [mask](const Variables& v) { return masked_fill(v[0], beside(v[0], mask), -0.7); },
          [mask](const std::vector<Array>& in) {
            const Array c = Array::of(mask);
            Array y = in[0];
            for_each_index(y.shape, [&](const Shape& i) {
              if (c.at(i) != 0) y.at(i) = -0.7;
            });
            return y;
          }};
}

}  // namespace

std::vector<Row> compare_rows() {
  return {
      DUEL_COMPARISON(gt, >),
      DUEL_COMPARISON(ge, >=),
      DUEL_COMPARISON(lt, <),
      DUEL_COMPARISON(le, <=),
      DUEL_COMPARISON(eq, ==),
      DUEL_COMPARISON(ne, !=),
      {"where",
       Recipe::linear,
       {"where"},
       {0, 1},
       {where_case("same", {3, 5}, {3, 5}, {3, 5}), where_case("outer", {3, 1}, {1, 5}, {3, 5}),
        where_case("image", {2, 1, 4, 3}, {2, 3, 4, 3}, {3, 1, 1}, DType::uint8),
        where_case("scalars", {7}, {}, {}, DType::int64), where_case("scalar condition", {}, {2, 3}, {2, 3}),
        where_case("empty", {0, 3}, {1, 3}, {3}), where_case("one", {1}, {1}, {1}, DType::float32)}},
      {"masked_fill",
       Recipe::linear,
       {},
       {0},
       {fill_case("same", {3, 5}, {3, 5}), fill_case("row", {3, 5}, {5}, DType::uint8),
        fill_case("image", {2, 3, 4, 5}, {2, 1, 4, 5}), fill_case("one", {1}, {}), fill_case("empty", {0, 3}, {3})}}};
}

#undef DUEL_COMPARISON

}  // namespace duel::testing
