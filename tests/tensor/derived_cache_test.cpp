// What is kept with a storage: found by its whole key, within bounds, the last used longest.
#include "duel/tensor/derived_cache.h"

#include <doctest/doctest.h>

#include <thread>

using namespace duel;

namespace {

DerivedCache::Value number(int n) { return std::make_shared<int>(n); }
int value(const DerivedCache::Value& v) { return v ? *static_cast<const int*>(v.get()) : -1; }

}  // namespace

TEST_CASE("a derived value is found by its whole key") {
  DerivedCache cache(100);
  cache.keep({1, 2}, number(1), 10);
  cache.keep({1, 2, 3}, number(2), 10);
  cache.keep({1, 2}, number(3), 10);  // the first one stays
  CHECK(value(cache.find({1, 2})) == 1);
  CHECK(value(cache.find({1, 2, 3})) == 2);
  CHECK(value(cache.find({1})) == -1);
  CHECK(cache.bytes() == 20);
  cache.clear();
  CHECK(value(cache.find({1, 2})) == -1);
  CHECK(cache.bytes() == 0);
}

TEST_CASE("the derived value that was used longest ago makes room") {
  DerivedCache cache(100);
  for (int i = 0; i < 4; ++i) cache.keep({i}, number(i), 25);
  CHECK(value(cache.find({0})) == 0);
  cache.keep({4}, number(4), 30);  // takes the room of 1 and 2
  CHECK(cache.bytes() == 80);
  CHECK(value(cache.find({0})) == 0);
  CHECK(value(cache.find({1})) == -1);
  CHECK(value(cache.find({2})) == -1);
  CHECK(value(cache.find({3})) == 3);
  CHECK(value(cache.find({4})) == 4);
  cache.keep({5}, number(5), 101);  // more than all the room there is
  CHECK(value(cache.find({5})) == -1);
  CHECK(cache.bytes() == 80);
}

TEST_CASE("a derived value outlives its place while somebody uses it") {
  DerivedCache cache(10);
  cache.keep({1}, number(1), 10);
  const DerivedCache::Value held = cache.find({1});
  cache.keep({2}, number(2), 10);
  CHECK(value(held) == 1);
}

TEST_CASE("threads may use one cache") {
  DerivedCache cache(50);
  const auto work = [&](int seed) {
    for (int i = 0; i < 2000; ++i) {
      const int key = (i * 7 + seed) % 13;
      const DerivedCache::Value v = cache.find({key});
      if (v && value(v) != key) std::abort();
      if (!v) cache.keep({key}, number(key), 10);
      if (i % 500 == 0) cache.clear();
    }
  };
  std::thread one(work, 1), two(work, 5);
  one.join();
  two.join();
  CHECK(cache.bytes() <= 50);
}
