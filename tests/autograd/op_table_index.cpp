// Rows of autograd/index.h.
#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

using Indices = std::vector<std::int64_t>;

Shape with_size(Shape shape, int d, std::int64_t size) {
  shape[d] = size;
  return shape;
}

std::int64_t size_of(const Indices& index) { return static_cast<std::int64_t>(index.size()); }

std::int64_t at(const Indices& index, std::int64_t i) { return index[static_cast<std::size_t>(i)]; }

Tensor list_of(const Indices& index) { return Tensor::from(index, {size_of(index)}); }

// ---- one index for each element: those of the reference are made by a formula

std::int64_t wanted(const Shape& i, std::int64_t size) {
  std::int64_t sum = 0;
  for (int k = 0; k < i.dim(); ++k) sum += (k + 2) * i[k] * i[k];
  return sum % size;
}

Tensor indices(const Shape& shape, std::int64_t size) {
  Indices v;
  for_each_index(shape, [&](const Shape& i) { v.push_back(wanted(i, size)); });
  return Tensor::from(v, shape);
}

Case gather_case(const char* label, const Shape& x, int d, std::int64_t count) {
  const Shape shape = with_size(x, d, count);
  return {label,
          {{x}},
          [=](const Variables& v) { return gather(v[0], d, beside(v[0], indices(shape, x[d]))); },
          [=](const std::vector<Array>& in) {
            Array y = Array::zeros(shape);
            for_each_index(shape, [&](const Shape& i) { y.at(i) = in[0].at(with_size(i, d, wanted(i, x[d]))); });
            return y;
          }};
}

Case scatter_case(const char* label, const Shape& g, int d, std::int64_t size) {
  return {label,
          {{g}},
          [=](const Variables& v) { return scatter_add(v[0], d, beside(v[0], indices(g, size)), size); },
          [=](const std::vector<Array>& in) {
            Array y = Array::zeros(with_size(g, d, size));
            for_each_index(g, [&](const Shape& i) { y.at(with_size(i, d, wanted(i, size))) += in[0].at(i); });
            return y;
          }};
}

// ---- one for all that lies beside it

Case select_case(const char* label, const Shape& x, int d, const Indices& index) {
  return {label,
          {{x}},
          [=](const Variables& v) { return index_select(v[0], d, beside(v[0], list_of(index))); },
          [=](const std::vector<Array>& in) {
            Array y = Array::zeros(with_size(x, d, size_of(index)));
            for_each_index(y.shape, [&](const Shape& i) { y.at(i) = in[0].at(with_size(i, d, at(index, i[d]))); });
            return y;
          }};
}

Case add_case(const char* label, const Shape& g, int d, const Indices& index, std::int64_t size) {
  return {label,
          {{g}},
          [=](const Variables& v) { return index_add(v[0], d, beside(v[0], list_of(index)), size); },
          [=](const std::vector<Array>& in) {
            Array y = Array::zeros(with_size(g, d, size));
            for_each_index(g, [&](const Shape& i) { y.at(with_size(i, d, at(index, i[d]))) += in[0].at(i); });
            return y;
          }};
}

Case embedding_case(const char* label, const Shape& table, const Indices& index, const Shape& shape) {
  return {label,
          {{table}},
          [=](const Variables& x) { return embedding(x[0], beside(x[0], Tensor::from(index, shape))); },
          [=](const std::vector<Array>& in) {
            Array y = Array::zeros({size_of(index), table[1]});
            for_each_index(y.shape, [&](const Shape& i) { y.at(i) = in[0].at({at(index, i[0]), i[1]}); });
            y.shape = shape;
            y.shape.push_back(table[1]);
            return y;
          }};
}

// ---- rearrangements

Case flip_case(const char* label, const Shape& x, const Shape& dims) {
  return {label,
          {{x}},
          [=](const Variables& v) { return flip(v[0], dims); },
          [=](const std::vector<Array>& in) {
            Array y = in[0];
            for_each_index(x, [&](const Shape& i) {
              Shape from = i;
              for (std::int64_t dim : dims) {
                const int d = static_cast<int>(dim < 0 ? dim + x.dim() : dim);
                from[d] = x[d] - 1 - i[d];
              }
              y.at(i) = in[0].at(from);
            });
            return y;
          }};
}

Case roll_case(const char* label, const Shape& x, const Shape& shifts, const Shape& dims) {
  return {label,
          {{x}},
          [=](const Variables& v) { return roll(v[0], shifts, dims); },
          [=](const std::vector<Array>& in) {
            Array y = in[0];
            for_each_index(x, [&](const Shape& i) {
              Shape to = i;
              for (int k = 0; k < dims.dim(); ++k) {
                const int d = static_cast<int>(dims[k] < 0 ? dims[k] + x.dim() : dims[k]);
                to[d] = ((to[d] + shifts[k]) % x[d] + x[d]) % x[d];
              }
              y.at(to) = in[0].at(i);
            });
            return y;
          }};
}

}  // namespace

std::vector<Row> index_rows() {
  const Recipe linear = Recipe::linear;
  return {
      {"gather",
       linear,
       {"gather"},
       {0},
       {gather_case("last", {3, 7}, 1, 5), gather_case("first", {5, 3}, 0, 7), gather_case("image", {2, 3, 4, 5}, 1, 2),
        gather_case("inner", {2, 5, 3}, 1, 6), gather_case("vector", {7}, 0, 11), gather_case("one", {1, 1}, 0, 1),
        gather_case("none", {3, 2}, 0, 0), gather_case("no lines", {0, 3}, 1, 2)}},
      {"scatter_add",
       linear,
       {"scatter_add"},
       {0},
       {scatter_case("last", {3, 5}, 1, 7), scatter_case("first", {7, 3}, 0, 5),
        scatter_case("image", {2, 3, 4, 5}, 1, 2), scatter_case("inner", {2, 6, 3}, 1, 5),
        scatter_case("vector", {11}, 0, 7), scatter_case("one", {1, 1}, 0, 1), scatter_case("none", {0, 2}, 0, 3)}},
      {"index_select",
       linear,
       {"index_select"},
       {0},
       {select_case("rows", {5, 3}, 0, {4, 0, 4, 2, 4, 1, 0}), select_case("last", {3, 5}, 1, {1, 1, 4}),
        select_case("channels", {2, 5, 3, 2}, 1, {4, 3, 0}), select_case("vector", {7}, 0, {6, 0, 6}),
        select_case("one", {1, 1}, 1, {0}), select_case("none", {3, 2}, 0, {})}},
      {"index_add",
       linear,
       {"index_add"},
       {0},
       {add_case("rows", {7, 3}, 0, {4, 0, 4, 2, 4, 1, 0}, 5), add_case("last", {3, 3}, 1, {1, 1, 4}, 5),
        add_case("channels", {2, 3, 3, 2}, 1, {4, 3, 0}, 5), add_case("vector", {3}, 0, {6, 0, 6}, 7),
        add_case("one", {1, 1}, 1, {0}, 1), add_case("none", {0, 2}, 0, {}, 3)}},
      {"embedding",
       linear,
       {},
       {0},
       {embedding_case("labels", {5, 3}, {4, 0, 4, 2, 4, 1, 0}, {7}),
        embedding_case("matrix", {3, 2}, {2, 1, 0, 0}, {2, 2}), embedding_case("one", {1, 1}, {0}, {1}),
        embedding_case("scalar", {3, 2}, {1}, {}), embedding_case("empty", {3, 2}, {}, {0})}},
      {"flip",
       linear,
       {},
       {0},
       {flip_case("width", {2, 3, 2, 5}, {3}), flip_case("both", {2, 3, 4, 5}, {2, -1}), flip_case("vector", {7}, {0}),
        flip_case("one", {1, 1}, {0, 1}), flip_case("empty", {0, 3}, {0}), flip_case("none", {2, 3}, {})}},
      {"roll",
       linear,
       {},
       {0},
       {roll_case("width", {2, 3, 2, 5}, {2}, {3}), roll_case("both", {2, 1, 4, 5}, {-1, 7}, {2, -1}),
        roll_case("vector", {7}, {-23}, {0}), roll_case("twice", {5}, {2, 2}, {0, 0}),
        roll_case("one", {1, 1}, {3}, {0}), roll_case("empty", {0, 3}, {1, 1}, {0, 1}),
        roll_case("around", {3, 2}, {3}, {0})}},
  };
}

}  // namespace duel::testing
