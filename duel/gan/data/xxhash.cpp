#include "duel/gan/data/xxhash.h"

#include <array>
#include <bit>
#include <cstring>

namespace duel {
namespace {

static_assert(std::endian::native == std::endian::little, "words are taken as they lie");

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87, kPrime2 = 0xC2B2AE3D27D4EB4F, kPrime3 = 0x165667B19E3779F9,
                        kPrime4 = 0x85EBCA77C2B2AE63, kPrime5 = 0x27D4EB2F165667C5;

// The next word of the input, which is then behind.
template <class Word>
std::uint64_t take(std::span<const std::byte>& bytes) {
  Word word;
  std::memcpy(&word, bytes.data(), sizeof(Word));
  bytes = bytes.subspan(sizeof(Word));
  return word;
}

std::uint64_t mixed(std::uint64_t sum, std::uint64_t word) { return std::rotl(sum + word * kPrime2, 31) * kPrime1; }

}  // namespace

std::uint64_t xxhash64(std::span<const std::byte> bytes, std::uint64_t seed) {
  const std::uint64_t length = bytes.size();
  std::uint64_t h = seed + kPrime5;
  if (length >= 32) {
    std::array<std::uint64_t, 4> lanes = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
    while (bytes.size() >= 32)
      for (std::uint64_t& lane : lanes) lane = mixed(lane, take<std::uint64_t>(bytes));
    h = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (const std::uint64_t lane : lanes) h = (h ^ mixed(0, lane)) * kPrime1 + kPrime4;
  }
  h += length;
  while (bytes.size() >= 8) h = std::rotl(h ^ mixed(0, take<std::uint64_t>(bytes)), 27) * kPrime1 + kPrime4;
  if (bytes.size() >= 4) h = std::rotl(h ^ take<std::uint32_t>(bytes) * kPrime1, 23) * kPrime2 + kPrime3;
  while (!bytes.empty()) h = std::rotl(h ^ take<std::uint8_t>(bytes) * kPrime5, 11) * kPrime1;
  h = (h ^ h >> 33) * kPrime2;
  h = (h ^ h >> 29) * kPrime3;
  return h ^ h >> 32;
}

}  // namespace duel
