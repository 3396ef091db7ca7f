// Rows of autograd/sort.h. The values are a selection, which changes nowhere but at ties.
#include <algorithm>

#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

const Domain kDistinct{.low = -2, .high = 2, .distinct = true};

// The first k along dimension d.
Reference sorted(int d, std::int64_t k, SortOrder order) {
  return [=](const std::vector<Array>& in) {
    Shape shape = in[0].shape, lines = shape;
    shape[d] = k;
    lines[d] = 1;
    Array y = Array::zeros(shape);
    for_each_index(lines, [&](Shape i) {
      std::vector<double> line;
      for (i[d] = 0; i[d] < in[0].shape[d]; ++i[d]) line.push_back(in[0].at(i));
      std::sort(line.begin(), line.end());
      if (order == SortOrder::descending) std::reverse(line.begin(), line.end());
      for (i[d] = 0; i[d] < k; ++i[d]) y.at(i) = line[static_cast<std::size_t>(i[d])];
    });
    return y;
  };
}

Case sort_case(const char* label, const Shape& x, int d, SortOrder order) {
  return {
      label, {{x, kDistinct}}, [=](const Variables& v) { return sort(v[0], d, order).values; }, sorted(d, x[d], order)};
}

Case topk_case(const char* label, const Shape& x, std::int64_t k, int d, SortOrder order = SortOrder::descending) {
  return {
      label, {{x, kDistinct}}, [=](const Variables& v) { return topk(v[0], k, d, order).values; }, sorted(d, k, order)};
}

}  // namespace

std::vector<Row> sort_rows() {
  constexpr auto up = SortOrder::ascending, down = SortOrder::descending;
  return {{"sort",
           Recipe::linear,
           {"argsort"},
           {},
           {sort_case("last", {3, 7}, 1, up), sort_case("first", {7, 3}, 0, down),
            sort_case("channels", {2, 5, 1, 3}, 1, up), sort_case("vector", {13}, 0, down),
            sort_case("one", {1}, 0, up), sort_case("empty", {0, 3}, 0, up), sort_case("no lines", {0, 3}, 1, up)}},
          {"topk",
           Recipe::linear,
           {},
           {},
           {topk_case("last", {3, 7}, 3, 1), topk_case("smallest", {7, 3}, 2, 0, up),
            topk_case("channels", {2, 5, 1, 3}, 4, 1), topk_case("largest", {13}, 1, 0), topk_case("all", {5}, 5, 0),
            topk_case("none", {3, 2}, 0, 0), topk_case("one", {1}, 1, 0)}}};
}

}  // namespace duel::testing
