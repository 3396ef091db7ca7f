// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), for host and device: block
// `counter` of stream `seed` is four 32-bit words, with no state in between.
#pragma once

#include <cstdint>

#include "duel/tensor/host_device.h"

namespace duel {

struct PhiloxBlock {
  std::uint32_t w[4];
};

constexpr int kPhiloxRounds = 10;

/// One round on a block's words c0 ... c3. The key of round r is that of the seed plus r times these.
constexpr std::uint32_t kPhiloxWeyl0 = 0x9E3779B9u, kPhiloxWeyl1 = 0xBB67AE85u;
DUEL_HD void philox_round(std::uint32_t& c0, std::uint32_t& c1, std::uint32_t& c2, std::uint32_t& c3, std::uint32_t k0,
                          std::uint32_t k1) {
  constexpr std::uint32_t kMul0 = 0xD2511F53u, kMul1 = 0xCD9E8D57u;
  const std::uint64_t p0 = static_cast<std::uint64_t>(kMul0) * c0, p1 = static_cast<std::uint64_t>(kMul1) * c2;
  c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
  c1 = static_cast<std::uint32_t>(p1);
  c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
  c3 = static_cast<std::uint32_t>(p0);
}

DUEL_HD PhiloxBlock philox(std::uint64_t seed, std::uint64_t counter, std::uint64_t stream = 0) {
  std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  std::uint32_t c0 = static_cast<std::uint32_t>(counter), c1 = static_cast<std::uint32_t>(counter >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(stream), c3 = static_cast<std::uint32_t>(stream >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round, k0 += kPhiloxWeyl0, k1 += kPhiloxWeyl1)
    philox_round(c0, c1, c2, c3, k0, k1);
  return {{c0, c1, c2, c3}};
}

/// The seed of the stream that is split off at block `counter`, made of blocks that no draw uses.
DUEL_HD std::uint64_t split_seed(std::uint64_t seed, std::uint64_t counter) {
  const PhiloxBlock b = philox(seed, counter, 1);
  return static_cast<std::uint64_t>(b.w[0]) << 32 | b.w[1];
}

}  // namespace duel
