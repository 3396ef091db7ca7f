#include "duel/cuda/strided.cuh"

#include <doctest/doctest.h>

using namespace duel;
using namespace duel::cuda;

namespace {

// Whether the parts of dims [2 tensors] are small enough for 32 bits and cover each element once: seen by the numbers
// of their elements, and the sum over all elements of where they lie.
void check_parts(const MergedDims<2>& whole) {
  const auto sum_of_offsets = [](const MergedDims<2>& m, std::int64_t base) {  // in tensor 0
    const auto n = static_cast<long double>(m.numel());
    auto sum = n * static_cast<long double>(base);
    for (std::size_t d = 0; d < static_cast<std::size_t>(m.dims); ++d)
      sum += n * static_cast<long double>(m.stride[d][0]) * static_cast<long double>(m.size[d] - 1) / 2;
    return sum;
  };
  std::int64_t elements = 0;
  long double sum = 0;
  for_each_part(whole, [&](const MergedDims<2>& part, const auto& base) {
    std::int64_t reach[2] = {};
    for (std::size_t d = 0; d < static_cast<std::size_t>(part.dims); ++d)
      for (std::size_t k = 0; k < 2; ++k) reach[k] += (part.size[d] - 1) * part.stride[d][k];
    CHECK(part.numel() <= INT32_MAX);
    CHECK(reach[0] <= INT32_MAX);
    CHECK(reach[1] <= INT32_MAX);
    CHECK(base[0] % 4 == 0);
    elements += part.numel();
    sum += sum_of_offsets(part, base[0]);
  });
  CHECK(elements == whole.numel());
  CHECK(std::abs(sum / sum_of_offsets(whole, 0) - 1) < 1e-15L);
}

}  // namespace

TEST_CASE("Divisor: every quotient of 31 bits") {
  for (const std::int64_t divisor : {1, 2, 3, 5, 7, 10, 641, 65535, 65536, 65537, 1 << 30, INT32_MAX - 1, INT32_MAX}) {
    const Divisor by(divisor);
    for (std::int64_t q = 0; q <= INT32_MAX / divisor; q = 3 * q / 2 + 1)
      for (const std::int64_t n : {q * divisor - 1, q * divisor, q * divisor + divisor - 1})
        if (n >= 0 && n <= INT32_MAX) CHECK(by.quotient(static_cast<std::uint32_t>(n)) == n / divisor);
  }
}

TEST_CASE("Walk: the offsets of a transposed tensor and a broadcast one") {
  const auto m = merged_dims<2>({3, 4, 5}, {Shape{20, 1, 4}, Shape{0, 7, 0}});
  const Walk<2> walk(m);
  REQUIRE(walk.count == 60);
  std::uint32_t i = 0;
  for (int a = 0; a < 3; ++a)
    for (int c = 0; c < 5; ++c)
      for (int b = 0; b < 4; ++b) {
        const auto at = walk.offsets(i++);
        CHECK(at.v[0] == 20 * a + b + 4 * c);
        CHECK(at.v[1] == 7 * b);
      }
}

TEST_CASE("for_each_part: tensors beyond 32 bits") {
  constexpr std::int64_t kMany = std::int64_t{1} << 20;
  check_parts(merged_dims<2>({12}, {Shape{1}, Shape{1}}));
  check_parts(merged_dims<2>({kMany, 5000}, {Shape{5000, 1}, Shape{5000, 1}}));
  check_parts(merged_dims<2>({kMany, 5000}, {Shape{5000, 1}, Shape{1, kMany}}));
  check_parts(merged_dims<2>({3, kMany, 5000}, {Shape{kMany * 5000, 5000, 1}, Shape{0, 0, 1}}));
  check_parts(merged_dims<2>({7, 3}, {Shape{kMany * kMany, 4}, Shape{1, 7}}));
}
