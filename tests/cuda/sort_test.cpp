#include <limits>

#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

/// Pseudo-random whole numbers of which many are equal.
std::vector<double> numbers(std::int64_t count, DType dtype) {
  std::vector<double> out;
  Rng rng(5);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto v = static_cast<double>(rng.below(count / 2 + 1));
    out.push_back(dtype == DType::uint8 ? std::fmod(v, 256) : v - static_cast<double>(count / 4));
  }
  return out;
}

void check_argsort(const Tensor& x, int d, std::int64_t first) {
  Shape shape = x.shape();
  shape[d] = first;
  const DType wide = x.dtype() == DType::bfloat16 ? DType::float32 : x.dtype();
  for (const SortOrder order : {SortOrder::ascending, SortOrder::descending}) {
    CAPTURE(x.dtype());
    CAPTURE(x.shape());
    CAPTURE(d);
    CAPTURE(static_cast<int>(order));
    const Tensor expected = Tensor::empty(shape, {.dtype = DType::int64}), index = poisoned(shape, DType::int64);
    twin().argsort(x.to(Device::cpu).to(wide), expected, d, order);
    cuda().argsort(x, index, d, order);
    CHECK(index.to(Device::cpu).to_vector<std::int64_t>() == expected.to_vector<std::int64_t>());
  }
}

const std::vector<DType>& all_dtypes() {
  static const std::vector<DType> all{DType::float32, DType::float64, DType::int64, DType::uint8, DType::bfloat16};
  return all;
}

}  // namespace

TEST_CASE("argsort: any dtype, dimension and strides; stable" * on_cuda()) {
  const Shape shape{4, 13, 5};
  for (const DType dtype : all_dtypes()) {
    const Tensor x = to_cuda(Tensor::from(numbers(shape.numel(), dtype), shape).to(dtype));
    for (int d = 0; d < 3; ++d)
      for (const std::int64_t first : {std::int64_t{0}, std::int64_t{1}, shape[d] - 1, shape[d]})
        check_argsort(x, d, first);
    check_argsort(x.transpose(0, 2), 1, 13);
    check_argsort(x.slice(1, 2, 13, 3), 1, 4);
    check_argsort(x.slice(1, 0, 1).expand(shape), 1, 13);
  }
}

TEST_CASE("argsort: lines of one element, of a block's and longer ones" * on_cuda()) {
  for (const std::int64_t size : {1, 2, 511, 1024, 1025, 2500}) {
    check_argsort(to_cuda(Tensor::from(numbers(3 * size, DType::float32), {3, size}).to(DType::float32)), 1, size);
    check_argsort(to_cuda(Tensor::from(numbers(2 * size, DType::int64), {size, 2}).to(DType::int64)), 0, size);
  }
}

TEST_CASE("argsort: NaN is the largest, zeros are equal, extremes keep their places" * on_cuda()) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> values{0.0, NAN, -0.0, kInfinity, -1e-40, 1, -NAN, -kInfinity, 1e-40, 0.0, -1, NAN};
  const Tensor x = Tensor::from(values, {static_cast<std::int64_t>(values.size())});
  for (const DType dtype : computed_dtypes()) check_argsort(to_cuda(x.to(dtype)), 0, x.numel());
  check_argsort(to_cuda(Tensor::from<std::int64_t>({INT64_MAX, -1, INT64_MIN, 0, INT64_MIN, INT64_MAX, 1}, {7})), 0, 7);
}

TEST_CASE("argsort: nothing to sort" * on_cuda()) {
  check_argsort(to_cuda(Tensor::empty({0, 3})), 1, 3);
  check_argsort(to_cuda(Tensor::empty({3, 0})), 1, 0);
}
