#include <doctest/doctest.h>

#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Row-major position of element (i, j, k) of `shape`.
std::int64_t place(const Shape& shape, std::int64_t i, std::int64_t j, std::int64_t k) {
  return (i * shape[1] + j) * shape[2] + k;
}

// Calls f(position in `shape`, position in `table`) for every element of `shape`; its place along dimension d of
// `table` is what `index` says, elsewhere the two are at the same one.
template <class F>
void for_each_pair(const Shape& shape, const Shape& table, int d, const std::vector<std::int64_t>& index, const F& f) {
  for (std::int64_t i = 0; i < shape[0]; ++i)
    for (std::int64_t j = 0; j < shape[1]; ++j)
      for (std::int64_t k = 0; k < shape[2]; ++k) {
        const std::int64_t at = place(shape, i, j, k), to = index[static_cast<std::size_t>(at)];
        f(at, place(table, d == 0 ? to : i, d == 1 ? to : j, d == 2 ? to : k));
      }
}

// Pseudo-random indices below `size` in the layout of `t`.
std::vector<std::int64_t> draw(const Tensor& t, std::int64_t size) {
  std::mt19937 engine(11);
  std::vector<std::int64_t> index;
  for (std::int64_t i = 0; i < t.numel(); ++i) index.push_back(static_cast<std::int64_t>(engine()) % size);
  generate(t, [&](std::int64_t i) { return index[static_cast<std::size_t>(i)]; });
  return index;
}

// The index of an index_select as gather takes it.
std::vector<std::int64_t> spread(const std::vector<std::int64_t>& index, const Shape& shape, int d) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < shape[0]; ++i)
    for (std::int64_t j = 0; j < shape[1]; ++j)
      for (std::int64_t k = 0; k < shape[2]; ++k)
        all.push_back(index[static_cast<std::size_t>(d == 0 ? i : d == 1 ? j : k)]);
  return all;
}

Shape with_size(Shape shape, int d, std::int64_t size) {
  shape[d] = size;
  return shape;
}

const Shape kTable{5, 7, 9};
constexpr std::int64_t kCount = 11;

}  // namespace

TEST_CASE_TEMPLATE("gather, index_select: any strides, dimensions and dtypes", T, float, double, std::int64_t,
                   std::uint8_t) {
  for (int d = 0; d < 3; ++d) {
    const Shape shape = with_size(kTable, d, kCount);
    for (auto& [x_layout, x] : layouts(kTable, dtype_of<T>()))
      for (auto& [y_layout, y] : layouts(shape, dtype_of<T>())) {
        CAPTURE(d);
        CAPTURE(x_layout);
        CAPTURE(y_layout);
        generate(x, [](std::int64_t i) { return i % 251; });
        for (auto& [index_layout, index] : layouts(shape, DType::int64)) {
          const std::vector<std::int64_t> at = draw(index, kTable[d]);
          cpu().gather(x, index, y, d);
          for_each_pair(shape, kTable, d, at,
                        [&](std::int64_t i, std::int64_t j) { REQUIRE(element<T>(y, i) == element<T>(x, j)); });
        }
        for (auto& [index_layout, index] : layouts({kCount}, DType::int64)) {
          const std::vector<std::int64_t> at = spread(draw(index, kTable[d]), shape, d);
          cpu().index_select(x, index, y, d);
          for_each_pair(shape, kTable, d, at,
                        [&](std::int64_t i, std::int64_t j) { REQUIRE(element<T>(y, i) == element<T>(x, j)); });
        }
      }
  }
}

TEST_CASE_TEMPLATE("scatter_add, index_add: any strides and dimensions, in the order of the index", T, float, double) {
  constexpr DType dtype = dtype_of<T>();
  for (int d = 0; d < 3; ++d) {
    const Shape shape = with_size(kTable, d, kCount);
    for (auto& [g_layout, g] : layouts(shape, dtype))
      for (auto& [y_layout, y] : layouts(kTable, dtype)) {
        CAPTURE(d);
        CAPTURE(g_layout);
        CAPTURE(y_layout);
        gaussian(g, 3);
        const auto check = [&](const std::vector<std::int64_t>& at, const auto& add) {
          const Tensor expected = gaussian(Tensor::empty(kTable, {.dtype = dtype}), 4);
          gaussian(y, 4);
          for_each_pair(shape, kTable, d, at,
                        [&](std::int64_t i, std::int64_t j) { element<T>(expected, j) += element<T>(g, i); });
          add();
          REQUIRE(same_bits(y, expected));
        };
        for (auto& [index_layout, index] : layouts(shape, DType::int64))
          check(draw(index, kTable[d]), [&, &index = index] { cpu().scatter_add(g, index, y, d); });
        for (auto& [index_layout, index] : layouts({kCount}, DType::int64))
          check(spread(draw(index, kTable[d]), shape, d), [&, &index = index] { cpu().index_add(g, index, y, d); });
      }
  }
}

TEST_CASE("look-ups: more than one parallel piece, the same bits for any number of threads") {
  constexpr std::int64_t rows = 211, width = 300, count = 1000;
  const Tensor table = gaussian(Tensor::empty({rows, width}), 5), g = gaussian(Tensor::empty({count, width}), 6);
  const Tensor index = Tensor::empty({count}, {.dtype = DType::int64}),
               all = Tensor::empty({count, width}, {.dtype = DType::int64});
  draw(index, rows);
  draw(all, rows);
  CHECK(same_for_any_threads([&] {
    const Tensor y = Tensor::empty({count, width});
    cpu().index_select(table, index, y, 0);
    return y;
  }));
  CHECK(same_for_any_threads([&] {
    const Tensor y = table.clone();
    cpu().index_add(g, index, y, 0);
    return y;
  }));
  CHECK(same_for_any_threads([&] {
    const Tensor y = table.clone();
    cpu().scatter_add(g, all, y, 0);
    return y;
  }));
  CHECK(same_for_any_threads([&] {  // long lines
    const Tensor y = gaussian(Tensor::empty({width, rows}), 7);
    cpu().scatter_add(g.transpose(0, 1), all.transpose(0, 1), y, 1);
    return y;
  }));
}

TEST_CASE("look-ups: nothing to do, and bad indices, for which nothing is written") {
  const Tensor table = Tensor::zeros({3, 2}), none = Tensor::empty({0}, {.dtype = DType::int64});
  cpu().index_select(table, none, Tensor::empty({0, 2}), 0);
  cpu().index_add(Tensor::empty({0, 2}), none, table, 0);
  const Tensor no_rows = Tensor::empty({0, 2}, {.dtype = DType::int64});
  cpu().gather(table, no_rows, Tensor::empty({0, 2}), 0);
  cpu().scatter_add(Tensor::empty({0, 2}), no_rows, table, 0);
  for (std::int64_t bad : {std::int64_t{-1}, std::int64_t{3}}) {
    const Tensor index = Tensor::from({std::int64_t{0}, bad}, {2});
    const Tensor all = Tensor::from({std::int64_t{0}, std::int64_t{1}, bad, std::int64_t{2}}, {2, 2});
    const Tensor y = Tensor::zeros({2, 2}), g = Tensor::full({2, 2}, 1);
    CHECK_THROWS_AS(cpu().index_select(table, index, y, 0), Error);
    CHECK_THROWS_AS(cpu().index_add(g, index, table, 0), Error);
    CHECK_THROWS_AS(cpu().gather(table, all, y, 0), Error);
    CHECK_THROWS_AS(cpu().scatter_add(g, all, table, 0), Error);
    CHECK(values(y) == std::vector<double>(4, 0.0));
  }
  CHECK(values(table) == std::vector<double>(6, 0.0));
}
