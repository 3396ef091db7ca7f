#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

// The places of a line, sorted by the standard library; NaN largest.
std::vector<std::int64_t> places(const std::vector<double>& line, SortOrder order) {
  std::vector<std::int64_t> index(line.size());
  std::iota(index.begin(), index.end(), std::int64_t{0});
  const auto less = [](double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; };
  std::stable_sort(index.begin(), index.end(), [&](std::int64_t i, std::int64_t j) {
    const double a = line[static_cast<std::size_t>(i)], b = line[static_cast<std::size_t>(j)];
    return order == SortOrder::ascending ? less(a, b) : less(b, a);
  });
  return index;
}

void check_lines(const Tensor& x, const Tensor& index, int d, SortOrder order) {
  cpu().argsort(x, index, d, order);
  const std::int64_t k = index.size(d);
  const Tensor lines = x.transpose(d, -1), found = index.transpose(d, -1);
  const std::vector<double> all = values(lines), where = values(found);
  const std::int64_t n = x.size(d), count = x.numel() / n;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::vector<std::int64_t> expected = places({all.begin() + i * n, all.begin() + (i + 1) * n}, order);
    for (std::int64_t j = 0; j < k; ++j)
      REQUIRE(static_cast<std::int64_t>(where[static_cast<std::size_t>(i * k + j)]) ==
              expected[static_cast<std::size_t>(j)]);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("argsort: any strides, dimensions, dtypes and numbers of places", T, float, double, std::int64_t,
                   std::uint8_t) {
  const Shape shape{4, 9, 5};
  for (auto& [x_layout, x] : layouts(shape, dtype_of<T>()))
    for (int d = 0; d < 3; ++d)
      for (SortOrder order : {SortOrder::ascending, SortOrder::descending})
        for (std::int64_t k : {std::int64_t{1}, std::int64_t{3}, shape[d]}) {
          CAPTURE(x_layout);
          CAPTURE(d);
          CAPTURE(k);
          generate(x, [](std::int64_t i) { return i * 37 % 11; });  // with ties
          if constexpr (std::is_floating_point_v<T>)
            for (std::int64_t i = 0; i < x.numel(); i += 13) element<T>(x, i) = std::numeric_limits<T>::quiet_NaN();
          Shape to = shape;
          to[d] = k;
          for (auto& [index_layout, index] : layouts(to, DType::int64)) check_lines(x, index, d, order);
        }
}

TEST_CASE("argsort: long lines, and nothing to do") {
  const Tensor x = gaussian(Tensor::empty({3, 40000}), 1);
  for (std::int64_t k : {1, 10, 40000})
    check_lines(x, Tensor::empty({3, k}, {.dtype = DType::int64}), 1, SortOrder::descending);
  check_lines(x, Tensor::empty({1, 40000}, {.dtype = DType::int64}), 0, SortOrder::ascending);
  cpu().argsort(x, Tensor::empty({3, 0}, {.dtype = DType::int64}), 1, SortOrder::ascending);
}

TEST_CASE_TEMPLATE("cumsum: any strides and dimensions", T, float, double) {
  for (const Shape& shape : {Shape{4, 9, 5}, {1, 1, 1}, {3, 700, 2}, {2, 1, 1500}})
    for (auto& [x_layout, x] : layouts(shape, dtype_of<T>()))
      for (auto& [y_layout, y] : layouts(shape, dtype_of<T>()))
        for (int d = 0; d < 3; ++d) {
          CAPTURE(shape);
          CAPTURE(x_layout);
          CAPTURE(y_layout);
          CAPTURE(d);
          gaussian(x, 2);
          cpu().cumsum(x, y, d);
          const std::vector<double> from = values(x.transpose(d, 2)), to = values(y.transpose(d, 2));
          double sum = 0;
          for (std::size_t i = 0; i < from.size(); ++i) {
            sum = static_cast<std::int64_t>(i) % shape[d] == 0 ? from[i] : sum + from[i];
            REQUIRE(to[i] == static_cast<double>(static_cast<T>(sum)));
          }
        }
}

TEST_CASE("sorting and running sums: the same bits for any number of threads") {
  const Tensor x = gaussian(Tensor::empty({300, 500}), 3);
  for (int d : {0, 1}) {
    CHECK(same_for_any_threads([&] {
      const Tensor index = Tensor::empty({300, 500}, {.dtype = DType::int64});
      cpu().argsort(x, index, d, SortOrder::ascending);
      return index;
    }));
    CHECK(same_for_any_threads([&] {
      const Tensor y = Tensor::empty({300, 500});
      cpu().cumsum(x, y, d);
      return y;
    }));
  }
}
