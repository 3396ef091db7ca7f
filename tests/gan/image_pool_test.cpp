// ImagePool: what it stores and returns, its state, and what it refuses.
#include "duel/gan/image_pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

// `count` pictures of one pixel: first, first + 1, ...
Tensor pictures(double first, std::int64_t count = 1) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(first + static_cast<double>(i)));
  return Tensor::from(values, {count, 1, 1, 1});
}

ImagePool pool(std::int64_t capacity) { return {capacity, {1, 1, 1}}; }

}  // namespace

TEST_CASE("an image pool that is not full stores and returns what it is given, and draws nothing") {
  Rng rng(1);
  ImagePool p = pool(5);
  CHECK(doubles(p.query(pictures(1, 2), rng)) == std::vector<double>{1, 2});
  CHECK(p.size() == 2);
  CHECK(doubles(p.query(pictures(3, 3), rng)) == std::vector<double>{3, 4, 5});
  CHECK(p.size() == 5);
  CHECK(rng.counter() == 0);
  CHECK(doubles(state_dict(p).at("pictures")) == std::vector<double>{1, 2, 3, 4, 5});
}

TEST_CASE("a full image pool exchanges pictures as its random numbers say, one after the other") {
  const std::int64_t capacity = 3;
  Rng rng(2), same(2);
  ImagePool p = pool(capacity);
  std::vector<double> stored{0, 1, 2};
  p.query(pictures(0, capacity), rng);
  for (int call = 0; call < 50; ++call) {
    const double first = 10 * (call + 1);
    std::vector<double> expected{first, first + 1, first + 2, first + 3};
    for (double& value : expected)
      if (const std::int64_t k = same.below(2 * capacity); k < capacity)
        std::swap(value, stored[static_cast<std::size_t>(k)]);
    CHECK(doubles(p.query(pictures(first, 4), rng)) == expected);
    CHECK(doubles(state_dict(p).at("pictures")) == stored);
  }
}

TEST_CASE("a full image pool returns half of the pictures as they are, and the others from all of its places") {
  const int calls = 20000, capacity = 4;
  Rng rng(3);
  ImagePool p = pool(capacity);
  p.query(pictures(0, capacity), rng);
  int kept = 0;
  std::vector<int> exchanged(capacity);
  for (int call = 0; call < calls; ++call) {
    const std::vector<double> before = doubles(state_dict(p).at("pictures"));
    const double given = 100 + call, returned = p.query(pictures(given), rng).item();
    const auto place = std::find(before.begin(), before.end(), returned);
    if (returned == given) ++kept;
    if (place != before.end()) ++exchanged[static_cast<std::size_t>(place - before.begin())];
  }
  CHECK(std::abs(kept - calls / 2) < 5 * std::sqrt(calls / 4.0));  // five standard deviations
  for (int count : exchanged) CHECK(std::abs(count - calls / 8) < 5 * std::sqrt(calls * 7 / 64.0));
}

TEST_CASE("pictures go into and out of an image pool as copies") {
  Rng rng(4);
  ImagePool p = pool(2);
  Tensor given = pictures(1);
  Tensor returned = p.query(given, rng);
  given.fill_(7);
  returned.fill_(8);
  CHECK(doubles(state_dict(p).at("pictures")) == std::vector<double>{1, 0});
}

TEST_CASE("an image pool goes on from its saved state") {
  Rng rng(5);
  ImagePool first = pool(3), second = pool(3);
  first.query(pictures(1, 5), rng);
  load_state_dict(second, state_dict(first));
  CHECK(second.size() == 3);
  Rng same(rng.seed(), rng.counter());
  for (int call = 0; call < 20; ++call)
    CHECK(doubles(first.query(pictures(10 + call), rng)) == doubles(second.query(pictures(10 + call), same)));
}

TEST_CASE("an image pool without room returns what it is given") {
  Rng rng(6);
  ImagePool p = pool(0);
  CHECK(doubles(p.query(pictures(1, 3), rng)) == std::vector<double>{1, 2, 3});
  CHECK(p.size() == 0);
  CHECK(rng.counter() == 0);
}

TEST_CASE("image pools refuse what they cannot store") {
  Rng rng(7);
  ImagePool p = pool(2);
  const auto refused = [&](const Tensor& t) { return error_of([&] { p.query(t, rng); }); };
  CHECK(error_of([] { pool(-1); }) == "ImagePool: the capacity must not be negative, got -1");
  CHECK(refused({}).find("ImagePool::query: needs pictures") == 0);
  CHECK(refused(Tensor::zeros({})).find("ImagePool::query: needs pictures") == 0);
  CHECK(refused(Tensor::zeros({2, 1, 1})).find("ImagePool::query: the pool is of pictures") == 0);
  CHECK(refused(Tensor::zeros({2, 3, 1, 1})).find("ImagePool::query: the pool is of pictures") == 0);
  CHECK(refused(pictures(1).to(DType::float64)).find("ImagePool::query: the pool is of pictures") == 0);
  CHECK(p.size() == 0);
  for (double count : {-1.0, 3.0}) {
    state_dict(p).at("count").fill_(count);
    CHECK(refused(pictures(1)).find("not one of a pool") != std::string::npos);
  }
}
