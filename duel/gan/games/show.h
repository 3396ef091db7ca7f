// What games put into their snapshots: pictures beside each other.
#pragma once

#include <vector>

#include "duel/tensor/tensor.h"

namespace duel {

inline constexpr std::int64_t kSnapshotRows = 8;  ///< of a game on pictures

/// A grid with one row per picture and one column per element of `columns`, each [N, C, H, W] of one size, in
/// [-1, 1] or uint8: uint8 [C, GH, GW]. Grey ones become coloured where others are; of other channel counts the first
/// three show.
Tensor side_by_side(const std::vector<Tensor>& columns);

}  // namespace duel
