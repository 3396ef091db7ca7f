// Matrix products on the CPU; see Backend.
#pragma once

#include "duel/tensor/tensor.h"

namespace duel::cpu {

void matmul(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& bias);

}  // namespace duel::cpu
