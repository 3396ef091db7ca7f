// Kernels that move pictures onto other grids of pixels: resampling, pooling, look-up. What they promise is said at
// their slots in backend.h.
#pragma once

#include "duel/tensor/backend.h"

namespace duel::cpu {

void resample2d(const Tensor& x, const Taps& h, const Taps& w, const Tensor& y);
void max_pool2d(const Tensor& x, const Tensor& y, const Tensor& index, Size2 kernel, const Conv2dGeometry& g);
void grid_sample(const Tensor& x, const Tensor& grid, const Tensor& y, PadMode outside);
void grid_sample_input_grad(const Tensor& dy, const Tensor& grid, const Tensor& dx, PadMode outside);

}  // namespace duel::cpu
