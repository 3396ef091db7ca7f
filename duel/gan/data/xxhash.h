// XXH64 (Collet, xxHash specification 0.1.1): a fast hash of 64 bits, for finding what is equal and what is damaged; no
// help against who damages on purpose.
#pragma once

#include <cstdint>
#include <span>

namespace duel {

/// Runs at about the rate of memory. Hashes of several pieces are chained through `seed`.
std::uint64_t xxhash64(std::span<const std::byte> bytes, std::uint64_t seed = 0);

}  // namespace duel
