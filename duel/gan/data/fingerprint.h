// What tells pictures and data sets apart, as 64 bits.
#pragma once

#include "duel/gan/data/dataset.h"

namespace duel {

/// Of the shape and the elements of a picture, uint8 or float32 [C, H, W] on the CPU, however they lie in memory.
std::uint64_t pixels_hash(const Tensor& picture);

/// Of the number of examples; their names and labels; size and time of change of the files that the names name (see
/// Dataset::name); the classes; the pixels of the first, the middle and the last example. Throws for data sets that
/// draw at random when they are read, such as unaligned pairs, as far as those three show it.
std::uint64_t fingerprint(const Dataset& dataset);

}  // namespace duel
