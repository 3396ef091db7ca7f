#include <doctest/doctest.h>

#include <limits>

#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

TEST_CASE("copy: between all layouts and dtypes") {
  constexpr DType dtypes[] = {DType::float32, DType::float64, DType::int64, DType::uint8};
  for (const Shape& shape : odd_shapes())
    for (DType from : dtypes)
      for (DType to : dtypes) {
        if (shape.numel() > 10000 && from != to) continue;
        for (auto& [src_layout, src] : layouts(shape, from)) {
          generate(src, [](std::int64_t i) { return i % 251; });
          for (auto& [dst_layout, dst] : layouts(shape, to)) {
            CAPTURE(shape);
            CAPTURE(src_layout);
            CAPTURE(dst_layout);
            cpu().copy(src, dst);
            CHECK(values(dst) == values(src));
          }
        }
      }
}

TEST_CASE("copy: transpositions larger than a tile") {
  for (const Shape& shape : {Shape{2, 3, 40, 41}, {1, 70, 9, 33}, {100, 130}, {3, 65, 2, 2, 33}})
    for (auto& [src_layout, src] : layouts(shape, DType::float32)) {
      gaussian(src, 1);
      for (auto& [dst_layout, dst] : layouts(shape, DType::float32)) {
        CAPTURE(shape);
        CAPTURE(src_layout);
        CAPTURE(dst_layout);
        cpu().copy(src, dst);
        CHECK(values(dst) == values(src));
      }
    }
}

TEST_CASE("copy: broadcast sources") {
  const Shape shape{3, 4, 5, 6};
  for (const Shape& small : {Shape{}, {1, 4, 1, 1}, {3, 1, 1, 6}, {5, 1}, {3, 1, 5, 6}}) {
    const Tensor src = gaussian(Tensor::empty(small), 2).expand(shape);
    for (auto& [layout, dst] : layouts(shape, DType::float32)) {
      CAPTURE(small);
      CAPTURE(layout);
      cpu().copy(src, dst);
      CHECK(values(dst) == values(src));
    }
  }
}

TEST_CASE("copy: to integers truncates and saturates") {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = Tensor::from({-1e30, -1.5, -0.5, 0.99, 1.5, 254.9, 255.0, 256.0, 1e30, inf, -inf, nan}, {12});
  const std::vector<std::uint8_t> bytes{0, 0, 0, 0, 1, 254, 255, 255, 255, 255, 0, 0};
  CHECK(x.to(DType::uint8).to_vector<std::uint8_t>() == bytes);
  CHECK(x.to(DType::float32).to(DType::uint8).to_vector<std::uint8_t>()[4] == 1);
  constexpr std::int64_t low = std::numeric_limits<std::int64_t>::min(),
                         high = std::numeric_limits<std::int64_t>::max();
  const std::vector<std::int64_t> integers{low, -1, 0, 0, 1, 254, 255, 256, high, high, low, 0};
  CHECK(x.to(DType::int64).to_vector<std::int64_t>() == integers);
  CHECK(Tensor::from({0x1p63, 0x1p62, -0x1p63}, {3}).to(DType::int64).to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{high, std::int64_t{1} << 62, low});
  CHECK(Tensor::from({std::int64_t{-3}, std::int64_t{7}, std::int64_t{300}}, {3})
            .to(DType::uint8)
            .to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 7, 255});
}

TEST_CASE("copy: leaves what lies between the elements alone") {
  Tensor whole = Tensor::zeros({5, 7});
  cpu().copy(Tensor::full({2, 3}, 1), whole.slice(0, 1, 5, 2).slice(1, 0, 6, 2));
  double total = 0;
  for (double v : values(whole)) total += v;
  CHECK(total == 6);
}

TEST_CASE("fill: any layout and dtype") {
  for (const Shape& shape : odd_shapes())
    for (DType dtype : {DType::float32, DType::float64, DType::int64, DType::uint8})
      for (auto& [layout, t] : layouts(shape, dtype)) {
        CAPTURE(shape);
        CAPTURE(layout);
        cpu().fill(t, 3);
        for (double v : values(t)) REQUIRE(v == 3);
      }
}
