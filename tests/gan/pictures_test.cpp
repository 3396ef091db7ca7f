// Bytes from [-1, 1], and grids of pictures.
#include "duel/gan/pictures.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "duel/gan/data/data_loader.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

TEST_CASE("to_uint8: rounds, clamps, and takes NaN for 0") {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {-1, 1, 0, -1.01f, 1e30f, -inf, inf, std::nanf(""), 1 / 127.5f - 1, 1.4f / 127.5f - 1};
  const std::vector<std::uint8_t> expected = {0, 255, 128, 0, 255, 0, 255, 0, 1, 1};
  CHECK(to_uint8(Tensor::from(x, {10})).to_vector<std::uint8_t>() == expected);
  CHECK(to_uint8(Tensor::from(x, {10}).to(DType::float64)).to_vector<std::uint8_t>() == expected);
  CHECK(to_uint8(Tensor::empty({0, 3})).shape() == Shape{0, 3});
  CHECK(error_of([] { to_uint8(Tensor::zeros({1}, {.dtype = DType::int64})); }).find("int64") != std::string::npos);
  CHECK(error_of([] { to_uint8(Tensor()); }).find("undefined") != std::string::npos);
}

TEST_CASE("to_uint8: undoes what DataLoader does to every byte") {
  std::vector<std::uint8_t> bytes(256);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  DataLoader batches(TensorDataset(Tensor::from(bytes, {1, 1, 16, 16}), {}), {.batch_size = 1});
  CHECK(to_uint8(batches.next().pictures).to_vector<std::uint8_t>() == bytes);
}

TEST_CASE("to_uint8: to the byte below") {
  const Tensor x = Tensor::from<float>({-1, 1, 0, 0.999f, -0.999f, 1.5f, std::nanf("")}, {7});
  const std::vector<std::uint8_t> expected = {0, 255, 127, 254, 0, 255, 0};
  CHECK(to_uint8(x, Rounding::truncate).to_vector<std::uint8_t>() == expected);
  CHECK(to_uint8(x.to(DType::float64), Rounding::truncate).to_vector<std::uint8_t>() == expected);
}

TEST_CASE("to_uint8: any strides") {
  Rng rng(1);
  const Tensor x = rng.uniform({3, 4, 5, 6}, -1.1, 1.1);
  const auto expected = to_uint8(x).to_vector<std::uint8_t>();
  for (View view : kViews) CHECK(to_uint8(as_view(x, view)).to_vector<std::uint8_t>() == expected);
  CHECK(to_uint8(x.channels_last()).is_channels_last());
  CHECK(to_uint8(x.select(0, 0).expand({2, 4, 5, 6})).select(0, 1).to_vector<std::uint8_t>() ==
        to_uint8(x.select(0, 0)).to_vector<std::uint8_t>());
}

TEST_CASE("picture_grid: row by row, the last one short") {
  const Tensor pictures = Tensor::from<std::uint8_t>({1, 2, 3, 4, 5, 6}, {3, 1, 1, 2});
  const Tensor grid = picture_grid(pictures, 2, 1, 9);
  CHECK(grid.shape() == Shape{1, 5, 7});
  const std::vector<std::uint8_t> expected = {9, 9, 9, 9, 9, 9, 9,  //
                                              9, 1, 2, 9, 3, 4, 9,  //
                                              9, 9, 9, 9, 9, 9, 9,  //
                                              9, 5, 6, 9, 9, 9, 9,  //
                                              9, 9, 9, 9, 9, 9, 9};
  CHECK(grid.to_vector<std::uint8_t>() == expected);
  CHECK(picture_grid(pictures, 100, 0).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
  CHECK(picture_grid(pictures, 1).shape() == Shape{1, 11, 6});
}

TEST_CASE("picture_grid: colour, any strides, and misuse") {
  const Tensor pictures = Tensor::from<std::uint8_t>({1, 2, 3, 4, 5, 6}, {2, 3, 1, 1});
  const std::vector<std::uint8_t> expected = {1, 4, 2, 5, 3, 6};
  CHECK(picture_grid(pictures, 2, 0).to_vector<std::uint8_t>() == expected);
  CHECK(picture_grid(pictures.channels_last(), 2, 0).to_vector<std::uint8_t>() == expected);
  CHECK(error_of([&] { picture_grid(pictures, 0); }).find("at least 1 column") != std::string::npos);
  CHECK(error_of([&] { picture_grid(pictures, 1, -1); }).find("padding") != std::string::npos);
  CHECK(error_of([&] { picture_grid(pictures.select(0, 0), 1); }).find("uint8[3, 1, 1]") != std::string::npos);
  CHECK(error_of([&] { picture_grid(pictures.to(DType::float32), 1); }).find("float32") != std::string::npos);
}
