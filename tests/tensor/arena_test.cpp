#include "duel/tensor/arena.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

using duel::Arena;

namespace {

constexpr std::size_t kPage = Arena::kGranularity;

TEST_CASE("holes are cut and grow together again") {
  Arena arena;
  void *const a = arena.take(4 * kPage), *const b = arena.take(2 * kPage), *const c = arena.take(3 * kPage);
  arena.give_back(a, 4 * kPage);
  CHECK(arena.cached() == 4 * kPage);
  void* const part = arena.take(kPage);
  CHECK(part == a);  // out of the hole
  CHECK(arena.cached() == 3 * kPage);
  arena.give_back(b, 2 * kPage);
  CHECK(arena.take(5 * kPage) == static_cast<std::byte*>(a) + kPage);  // what is left of a, and b
  CHECK(arena.cached() == 0);
  CHECK(arena.take(kPage) == static_cast<std::byte*>(c) + 3 * kPage);  // no hole is left
}

TEST_CASE("the smallest hole that fits is taken") {
  Arena arena;
  std::vector<void*> blocks;
  for (const std::size_t pages : {8, 1, 3, 1, 5, 1}) blocks.push_back(arena.take(pages * kPage));
  arena.give_back(blocks[0], 8 * kPage);
  arena.give_back(blocks[2], 3 * kPage);
  arena.give_back(blocks[4], 5 * kPage);
  CHECK(arena.take(4 * kPage) == blocks[4]);
  CHECK(arena.take(3 * kPage) == blocks[2]);
  CHECK(arena.take(3 * kPage) == blocks[0]);
}

TEST_CASE("more than there is memory is refused, and what was not taken is not owned") {
  Arena arena;
  CHECK(arena.take(std::size_t{1} << 60) == nullptr);
  int outside = 0;
  CHECK(!arena.owns(&outside));
  CHECK(!arena.owns(nullptr));
  CHECK(arena.owns(arena.take(kPage)));
}

TEST_CASE("what was released is as good as new") {
  Arena arena;
  void *const a = arena.take(600 * kPage), *const b = arena.take(kPage), *const c = arena.take(600 * kPage);
  std::memset(a, 1, 600 * kPage);
  std::memset(c, 1, 600 * kPage);
  arena.give_back(a, 600 * kPage);
  arena.give_back(c, 600 * kPage);
  arena.release();
  CHECK(arena.cached() == 0);
  CHECK(arena.take(600 * kPage) == a);
  CHECK(*static_cast<char*>(a) == 0);  // memory anew
  CHECK(arena.owns(b));
}

// Every block keeps what was written into it, and in the end nothing is left.
TEST_CASE("random takes and returns do not disturb each other") {
  struct Block {
    unsigned char* data;
    std::size_t size;
    unsigned char mark;
  };
  Arena arena;
  std::mt19937 random(1);
  std::vector<Block> live;
  std::size_t bytes = 0, most = 0;
  for (int i = 0; i < 3000; ++i) {
    if (live.empty() || random() % 5 < 3) {
      Block b{nullptr, (1 + random() % 40) * kPage, static_cast<unsigned char>(i)};
      b.data = static_cast<unsigned char*>(arena.take(b.size));
      REQUIRE(b.data != nullptr);
      std::memset(b.data, b.mark, b.size);
      live.push_back(b);
      bytes += b.size;
      most = std::max(most, bytes);
    } else {
      std::swap(live[random() % live.size()], live.back());
      const Block b = live.back();
      live.pop_back();
      CHECK(std::all_of(b.data, b.data + b.size, [&](unsigned char v) { return v == b.mark; }));
      arena.give_back(b.data, b.size);
      bytes -= b.size;
    }
  }
  for (const Block& b : live) arena.give_back(b.data, b.size);
  CHECK(arena.cached() <= most * 5 / 4);  // of all memory ever touched, little was lost to gaps
  void* const all = arena.take(arena.cached());
  CHECK(arena.cached() == 0);  // one piece again
  CHECK(arena.owns(all));
}

}  // namespace
