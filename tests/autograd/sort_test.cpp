// Sorting with ties and NaN, places, and gradients through them.
#include "duel/autograd/sort.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "duel/autograd/ops.h"
#include "tests/support/tensors.h"

namespace duel::testing {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

using Values = std::vector<double>;

const Tensor kTies = Tensor::from({2.0, nan, 1.0, 2.0, -0.0, 0.0, nan, 1.0}, {8});

TEST_CASE("argsort is stable and puts NaN at the large end") {
  CHECK(doubles(argsort(kTies, 0)) == Values{4, 5, 2, 7, 0, 3, 1, 6});
  CHECK(doubles(argsort(kTies, 0, SortOrder::descending)) == Values{1, 6, 0, 3, 2, 7, 4, 5});
  CHECK(doubles(argsort(Tensor::from<std::int64_t>({3, 1, 2, 1}, {4}), 0)) == Values{1, 3, 2, 0});
}

TEST_CASE("topk is the beginning of the sorted, for every k") {
  for (SortOrder order : {SortOrder::ascending, SortOrder::descending}) {
    const Values all = doubles(argsort(kTies, 0, order));
    for (std::int64_t k = 0; k <= 8; ++k) {
      const Sorted first = topk(kTies, k, 0, order);
      CHECK(first.indices.shape() == Shape{k});
      CHECK(doubles(first.indices) == Values(all.begin(), all.begin() + k));
    }
  }
}

TEST_CASE("argmax and argmin: the first of equals, and the first NaN") {
  const Tensor x = Tensor::from({1.0, 3.0, 3.0, 0.0, 5.0, 0.0, nan, -1.0, nan}, {3, 3});
  CHECK(doubles(argmax(x, 1)) == Values{1, 1, 0});
  CHECK(doubles(argmin(x, 1)) == Values{0, 0, 0});
  CHECK(doubles(argmax(x, 0)) == Values{2, 1, 2});
  CHECK(argmax(x, 0).shape() == Shape{3});
  CHECK(argmax(x, -1).dtype() == DType::int64);
}

TEST_CASE("sorted values carry gradients to where they came from") {
  const Variable x = Variable::leaf(Tensor::from({3.0, 1.0, 2.0}, {3}));
  const Sorted s = sort(x, 0);
  CHECK(doubles(s.values.value()) == Values{1, 2, 3});
  const Tensor weight = Tensor::from({10.0, 20.0, 30.0}, {3});
  CHECK(doubles(grad(sum(s.values * weight), {x})[0].value()) == Values{30, 10, 20});
  const Variable largest = topk(x, 2, 0).values;
  CHECK(doubles(grad(sum(square(largest)), {x})[0].value()) == Values{6, 0, 4});
}

}  // namespace
}  // namespace duel::testing
