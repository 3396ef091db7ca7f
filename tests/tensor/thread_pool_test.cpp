#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "duel/tensor/thread_pool.h"

using namespace duel;

namespace {

class Threads {
 public:
  explicit Threads(int n) : before_(num_threads()) { set_num_threads(n); }
  ~Threads() { set_num_threads(before_); }

 private:
  int before_;
};

// How often each of n elements is visited.
std::vector<int> visits(std::int64_t n, std::int64_t grain) {
  std::vector<int> count(static_cast<std::size_t>(n));
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    if (begin % grain != 0 || end != std::min(n, begin + grain))
      throw std::logic_error("cut elsewhere than at the grain");
    for (std::int64_t i = begin; i < end; ++i) ++count[static_cast<std::size_t>(i)];
  });
  return count;
}

}  // namespace

TEST_CASE("parallel_for: every piece once, whatever the number of threads") {
  for (int threads : {1, 2, 3, 7}) {
    const Threads set(threads);
    for (std::int64_t n : {1, 2, 5, 64, 1000})
      for (std::int64_t grain : {1, 3, 64, 2000}) {
        CAPTURE(threads);
        CAPTURE(n);
        CAPTURE(grain);
        CHECK(visits(n, grain) == std::vector<int>(static_cast<std::size_t>(n), 1));
      }
  }
}

// Jobs follow each other at once, soon, and after the workers have gone to sleep.
TEST_CASE("parallel_for: jobs in quick and in slow succession") {
  for (int threads : {2, 5}) {
    const Threads set(threads);
    std::atomic<std::int64_t> total = 0;
    for (int job = 0; job < 5000; ++job) {
      parallel_for(7, 1, [&](std::int64_t begin, std::int64_t end) { total += end - begin; });
      if (job % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      REQUIRE(total == 7 * (job + 1));
    }
  }
}

TEST_CASE("parallel_for: from several threads, and from inside a piece") {
  const Threads set(3);
  std::atomic<std::int64_t> total = 0;
  const auto nested = [&] {
    for (int job = 0; job < 200; ++job)
      parallel_for(6, 1, [&](std::int64_t, std::int64_t) {
        parallel_for(4, 1, [&](std::int64_t begin, std::int64_t end) { total += end - begin; });
      });
  };
  std::thread one(nested), two(nested);
  one.join();
  two.join();
  CHECK(total == 2 * 200 * 6 * 4);
}

TEST_CASE("parallel_for: an exception reaches the caller, and the next job runs") {
  for (int threads : {1, 3}) {
    const Threads set(threads);
    CHECK_THROWS_AS(parallel_for(100, 1,
                                 [](std::int64_t begin, std::int64_t) {
                                   if (begin == 57) throw std::runtime_error("57");
                                 }),
                    std::runtime_error);
    CHECK(visits(100, 1) == std::vector<int>(100, 1));
  }
}
