// Einstein summation of two tensors.
#pragma once

#include <string>

#include "duel/autograd/variable.h"

namespace duel {

/// The sum of products that `equation` names: "bij,bjk->bik" is a batched matrix product. A letter (a to z, A to Z) for
/// each dimension of a and b; letters that are not in the output are summed over; a letter in both operands has one
/// size in both. Without "->" the output has, in alphabetical order (capitals first), the letters that occur once.
/// Spaces do not count. Made of permute, sum, reshape and matmul. Throws Error, with the equation, where it does not
/// fit the operands, repeats a letter within one of them or in the output, or has anything else in it (no ellipsis).
Variable einsum(const std::string& equation, const Variable& a, const Variable& b);

}  // namespace duel
