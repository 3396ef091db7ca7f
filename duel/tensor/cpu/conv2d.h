// 2-D convolution and its two transposes on the CPU, as implicit matrix products; see Backend.
#pragma once

#include "duel/tensor/backend.h"

namespace duel::cpu {

void conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g);
void conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g);
void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g);

}  // namespace duel::cpu
