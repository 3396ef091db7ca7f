// Rows of autograd/reduce.h, matmul.h and embedding.h.
#include <algorithm>
#include <limits>

#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

// ---- reductions

Array summed(const Array& x, const Shape& kept) {
  Array y = Array::zeros(kept);
  for_each_index(x.shape, [&](const Shape& i) { y.at(i) += x.at(i); });
  return y;
}

struct Reduction {
  const char* label;
  Shape shape, dims, kept;  // kept: the shape with the reduced dimensions at 1
  Shape result;             // without them
};

const std::vector<Reduction> kReductions = {{"channel", {2, 3, 2, 5}, {0, 2, 3}, {1, 3, 1, 1}, {3}},
                                            {"last", {3, 7}, {-1}, {3, 1}, {3}},
                                            {"first", {5, 3}, {0}, {1, 3}, {3}},
                                            {"middle", {2, 5, 3}, {1}, {2, 1, 3}, {2, 3}},
                                            {"one", {1, 1}, {0}, {1, 1}, {1}},
                                            {"batch 1", {1, 3, 2}, {2, 0}, {1, 3, 1}, {3}}};

using Reduce = Variable (*)(const Variable&, const Shape&, KeepDims);

// Each reduction, and the first with its dimensions kept.
std::vector<Case> reduction_cases(Reduce f, Array (*reference)(const Array&, const Shape&), const Domain& domain) {
  std::vector<Case> cases;
  for (const Reduction& r : kReductions)
    cases.push_back({r.label,
                     {{r.shape, domain}},
                     [f, r](const Variables& x) { return f(x[0], r.dims, KeepDims::no); },
                     [reference, r](const std::vector<Array>& in) {
                       return Array{r.result, reference(in[0], r.kept).values};
                     }});
  const Reduction& r = kReductions[0];
  cases.push_back({"keep",
                   {{r.shape, domain}},
                   [f, r](const Variables& x) { return f(x[0], r.dims, KeepDims::yes); },
                   [reference, r](const std::vector<Array>& in) { return reference(in[0], r.kept); }});
  return cases;
}

Array mean_of(const Array& x, const Shape& kept) {
  Array y = summed(x, kept);
  for (double& v : y.values) v *= static_cast<double>(kept.numel()) / static_cast<double>(x.shape.numel());
  return y;
}

Array largest_of(const Array& x, const Shape& kept) {
  Array y{kept, std::vector<double>(static_cast<std::size_t>(kept.numel()), -std::numeric_limits<double>::infinity())};
  for_each_index(x.shape, [&](const Shape& i) { y.at(i) = std::max(y.at(i), x.at(i)); });
  return y;
}

Case sum_to_case(const char* label, const Shape& from, const Shape& to) {
  return {label,
          {{from}},
          [to](const Variables& x) { return sum_to(x[0], to); },
          [to](const std::vector<Array>& in) { return summed(in[0], to); }};
}

// Of all elements.
std::vector<Case> total_cases(Variable (*f)(const Variable&), Array (*reference)(const Array&, const Shape&)) {
  std::vector<Case> cases;
  for (const Shape& shape : {Shape{}, Shape{7}, Shape{2, 3, 1, 5}})
    cases.push_back({cat("all of ", shape),
                     {{shape}},
                     [f](const Variables& x) { return f(x[0]); },
                     [reference](const std::vector<Array>& in) { return reference(in[0], {}); }});
  return cases;
}

void append(std::vector<Case>& cases, const std::vector<Case>& more) {
  cases.insert(cases.end(), more.begin(), more.end());
}

std::vector<Row> reduction_rows() {
  Row sums{"sum", Recipe::linear, {}, {0}, reduction_cases(sum, summed, {})};
  append(sums.cases, total_cases(sum, summed));
  sums.cases.push_back({"empty",
                        {{{0, 3}}},
                        [](const Variables& x) { return sum(x[0], {0}); },
                        [](const std::vector<Array>&) { return Array::zeros({3}); }});
  Row means{"mean", Recipe::linear, {}, {0}, reduction_cases(mean, mean_of, {})};
  append(means.cases, total_cases(mean, mean_of));
  return {{"sum_to",
           Recipe::linear,
           {"sum"},
           {0},
           {sum_to_case("bias", {2, 3, 4, 5}, {3, 1, 1}), sum_to_case("leading", {3, 5}, {5}),
            sum_to_case("inner", {2, 4, 3}, {2, 1, 3}), sum_to_case("all", {3, 7}, {}),
            sum_to_case("same", {2, 3}, {2, 3}), sum_to_case("empty", {0, 3}, {1, 3}), sum_to_case("long", {1031}, {1}),
            sum_to_case("columns", {23, 2}, {1, 2})}},
          sums,
          means,
          // A selection, which changes nowhere but at ties.
          {"amax",
           Recipe::linear,
           {"amax"},
           {},
           reduction_cases(amax, largest_of, {.low = -2, .high = 2, .distinct = true})}};
}

// ---- products

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

// ---- look-ups

Shape with_last(Shape shape, std::int64_t last) {
  shape.push_back(last);
  return shape;
}

using Indices = std::vector<std::int64_t>;

Case embedding_case(const char* label, const Shape& table, const Indices& index, const Shape& shape) {
  return {label,
          {{table}},
          [=](const Variables& x) { return embedding(x[0], Tensor::from(index, shape)); },
          [=](const std::vector<Array>& in) {
            Array y = Array::zeros({static_cast<std::int64_t>(index.size()), table[1]});
            for_each_index(y.shape, [&](const Shape& i) {
              y.at(i) = in[0].at({index[static_cast<std::size_t>(i[0])], i[1]});
            });
            y.shape = with_last(shape, table[1]);
            return y;
          }};
}

Case scatter_case(const char* label, std::int64_t count, std::int64_t width, const Indices& index, const Shape& shape) {
  return {label,
          {{with_last(shape, width)}},
          [=](const Variables& x) { return scatter_add(x[0], Tensor::from(index, shape), count); },
          [=](const std::vector<Array>& in) {
            Array y = Array::zeros({count, width});
            const Array rows{{static_cast<std::int64_t>(index.size()), width}, in[0].values};
            for_each_index(rows.shape, [&](const Shape& i) {
              y.at({index[static_cast<std::size_t>(i[0])], i[1]}) += rows.at(i);
            });
            return y;
          }};
}

}  // namespace

std::vector<Row> product_rows() {
  std::vector<Row> rows = reduction_rows();
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
  rows.push_back({"embedding",
                  Recipe::linear,
                  {"gather_rows"},
                  {0},
                  {embedding_case("labels", {5, 3}, {4, 0, 4, 2, 4, 1, 0}, {7}),
                   embedding_case("matrix", {3, 2}, {2, 1, 0, 0}, {2, 2}), embedding_case("one", {1, 1}, {0}, {1}),
                   embedding_case("scalar", {3, 2}, {1}, {}), embedding_case("empty", {3, 2}, {}, {0})}});
  rows.push_back(
      {"scatter_add",
       Recipe::linear,
       {"scatter_add_rows"},
       {0},
       {scatter_case("labels", 5, 3, {4, 0, 4, 2, 4, 1, 0}, {7}), scatter_case("matrix", 3, 2, {2, 1, 0, 0}, {2, 2}),
        scatter_case("one", 1, 1, {0}, {1}), scatter_case("empty", 3, 2, {}, {0})}});
  return rows;
}

}  // namespace duel::testing
