// Scaled dot-product attention on the CPU; see Backend.
#pragma once

#include "duel/tensor/tensor.h"

namespace duel::cpu {

void attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y, const Tensor& lse);
void attention_grad(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y, const Tensor& lse,
                    const Tensor& dy, const Tensor& dq, const Tensor& dk, const Tensor& dv);

}  // namespace duel::cpu
