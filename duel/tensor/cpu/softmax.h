// Softmax and its logarithm over the rows of [R, D] on the CPU; see Backend.
#pragma once

#include "duel/tensor/tensor.h"

namespace duel::cpu {

void softmax(const Tensor& x, const Tensor& y);
void log_softmax(const Tensor& x, const Tensor& y);
void softmax_grad(const Tensor& y, const Tensor& dy, const Tensor& dx);
void log_softmax_grad(const Tensor& y, const Tensor& dy, const Tensor& dx);

}  // namespace duel::cpu
