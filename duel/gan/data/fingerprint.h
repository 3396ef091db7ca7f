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

/// Of what training sees of a data set, wherever it lies and whether it is packed or not: the number of examples, all
/// labels, and the pixels, targets included, of 32 examples at equal distances. Of one that can't be read, that it
/// can't; of those that are drawn when they are read, what fixed draws give.
std::uint64_t content_fingerprint(const Dataset& dataset);

}  // namespace duel
