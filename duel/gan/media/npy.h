// numpy's array files (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
#pragma once

#include <string_view>

#include "duel/tensor/tensor.h"

namespace duel {

/// The array of an .npy file, as it is for uint8, float32 and float64, and as int64 for all other integers of up to 63
/// bits; row-major, whatever its order in the file. Throws, with `name` in front, for a file that is cut short, too
/// long or no .npy file, and for other types of elements by name.
Tensor read_npy(std::string_view file, std::string_view name);

}  // namespace duel
